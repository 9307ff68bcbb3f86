// CSV in and out: names by the thousand, the invalid ones for download, exports that a spreadsheet can open without harm.

import { startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture

beforeAll(async () => {
    cloud = await startCloudFixture()
    await cloud.api("POST", "/products", { id: "p" })
}, 60_000)
afterAll(() => cloud?.close())

async function send(csv: string | ReadableStream, type = "text/csv", product = "p"): Promise<{ status: number; body: Json }> {
    const headers = { Authorization: `Bearer ${cloud.token}`, "Content-Type": type }
    const init = { method: "POST", headers, body: csv, duplex: "half" } as RequestInit
    const response = await fetch(`${cloud.url}/api/v1/imports?product=${product}`, init)
    return { status: response.status, body: await response.json() }
}

async function read(path: string): Promise<string> {
    const response = await fetch(`${cloud.url}/api/v1${path}`, { headers: { Authorization: `Bearer ${cloud.token}` } })
    expect(response.headers.get("content-type")).toMatch(/^text\/csv/)
    return response.text()
}

test("names come in once, invalid ones are listed with their line", async () => {
    const csv = 'note,id\r\nfirst,one\r\n,two\r\nx,"a b"\r\n,one\r\n\r\n,=1+1\r\n"q, quoted",three\r\n,\u0007bell\r\n'
    const { status, body } = await send(csv)
    expect(status).toBe(201)
    expect(body).toMatchObject({ state: "done", total: 7, created: 3, existing: 0, invalid: 4 })
    const lines = (await read(`/imports/${body.id}/invalid`)).split("\r\n")
    expect(lines[0]).toBe("line,name,reason")
    expect(lines.slice(1, 5).map(line => line.split(",").slice(0, 2).join())).toEqual(["4,a b", "5,one", "7,'=1+1", "9,?bell"])
    const again = (await send(csv)).body
    expect(again).toMatchObject({ created: 0, existing: 3, invalid: 4 })
    expect((await cloud.api("GET", "/imports")).body.items).toHaveLength(2)
    expect((await cloud.api("GET", `/imports/${again.id}`)).body).toEqual(again)
})

test("twenty thousand names as a stream; each registers by itself and is not handed another's token", async () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `bulk-${index}`)
    const stream = new ReadableStream({
        start(controller) {
            for (let at = 0; at < names.length; at += 777)
                controller.enqueue(new TextEncoder().encode(`${names.slice(at, at + 777).join("\n")}\n`))
            controller.close()
        },
    })
    const { body } = await send(stream)
    expect(body).toMatchObject({ state: "done", total: 20_000, created: 20_000, invalid: 0 })
    const registered = await cloud.device("/device/register", "bearer p", { id: "bulk-7" })
    expect(registered.body).toMatchObject({ registered: true, id: "bulk-7", token: expect.any(String) })
    const exported = (await read("/exports/devices?product=p")).trimEnd().split("\r\n")
    expect(exported[0]).toBe("id,product,cloud,version,claimed,createdAt,lastSeenAt,attributes")
    expect(exported).toHaveLength(1 + 3 + 20_000)
})

test("refused: another type, an unknown product, a line without end", async () => {
    expect((await send("a", "application/json")).body.code).toBe("content_type_unknown")
    expect((await send("a", "text/csv", "none")).status).toBe(404)
    const long = await send(`ok-1\n${"x".repeat(10_000)}\n`)
    expect(long.status).toBe(422)
    expect((await cloud.api("GET", "/imports?limit=1")).body.items[0]).toMatchObject({ state: "failed", created: 0 })
})

test("tasks go out as CSV; what a device wrote is no formula", async () => {
    const { token } = (await cloud.api("POST", "/devices", { id: "t1", product: "p" })).body
    const release = await cloud.release("p", "3.0.0")
    const { body } = await cloud.device("/tok/provision/update", `bearer ${token}`, { id: "t1", version: "1.0.0" })
    const failure = { id: "t1", success: false, update: body.update, status: -34, message: '=HYPERLINK("x")' }
    await cloud.device("/tok/provision/updateReport", `bearer ${token}`, failure)
    const text = await read(`/exports/tasks?release=${release.id}`)
    expect(text.split("\r\n")[1]).toContain(`"'=HYPERLINK(""x"")"`)
})
