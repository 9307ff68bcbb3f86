// CSV in and out: names by the thousand, the invalid ones for download, exports that a spreadsheet can open without harm.

import { createSeen } from "../../host/cloud/import-seen"
import { imageOf, startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture

beforeAll(async () => {
    cloud = await startCloudFixture()
    await cloud.api("POST", "/products", { id: "p" })
}, 60_000)
afterAll(() => cloud?.close())

type Sent = { status: number; body: Json }

async function sendTo(where: string, csv: string | ReadableStream | Uint8Array, headers: object = {}): Promise<Sent> {
    const all = { Authorization: `Bearer ${cloud.token}`, "Content-Type": "text/csv", ...headers }
    const init = { method: "POST", headers: all, body: csv, duplex: "half" } as RequestInit
    const response = await fetch(`${cloud.url}/api/v1/imports?${where}`, init)
    return { status: response.status, body: await response.json() }
}

const send = (csv: string | ReadableStream, type = "text/csv", product = "p"): Promise<Sent> =>
    sendTo(`product=${product}`, csv, { "Content-Type": type })

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

test.each<[string, string]>([
    ["a byte order mark", "\uFEFFid\nenc-1\nenc-2\n"],
    ["a byte order mark without a heading", "\uFEFFenc-1\nenc-2\n"],
    ["CRLF and no line end at the end", "enc-1\r\nenc-2"],
    ["carriage returns alone", "enc-1\renc-2\r"],
    ["quotes", '"id","note"\n"enc-1","a ""b"" c, d"\n"enc-2",""\n'],
    ["a quoted line break", '"note","id"\n"two\nlines","enc-1"\n,enc-2\n'],
    ["blank lines before the heading, blanks around names", "\n\nDevice\n enc-1 \n\tenc-2\n\n"],
    ["a third column", "region,tag,device_name\nnorth,a,enc-1\nsouth,b,enc-2\n"],
])("read alike: %s", async (_what, csv) => {
    const { status, body } = await send(csv)
    expect([status, body.total, body.created + body.existing, body.invalid]).toEqual([201, 2, 2, 0])
})

test.each<[string, Uint8Array, object]>([
    ["UTF-16, little end first", Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("enc-1", "utf16le")]), {}],
    ["UTF-16, big end first", Buffer.from([0xfe, 0xff, 0, 0x61]), {}],
    ["compressed", Buffer.from("enc-1"), { "Content-Encoding": "gzip" }],
    ["another charset", Buffer.from("enc-1"), { "Content-Type": "text/csv; charset=iso-8859-1" }],
    ["no CSV", Buffer.from("enc-1"), { "Content-Type": "text/csvx" }],
])("refused: %s", async (_what, bytes, headers) => {
    const { status, body } = await sendTo("product=p", bytes, headers)
    expect([415, 422]).toContain(status)
    expect(body.detail).toContain("UTF-8")
})

test("a charset that is UTF-8 is none to refuse; bytes that are not UTF-8 are names that are not valid", async () => {
    const type = { "Content-Type": 'text/csv; charset="UTF-8"; header=absent' }
    const { body } = await sendTo("product=p", Buffer.from([0x65, 0xff, 0x0a, 0x65, 0x6e, 0x63, 0x2d, 0x31]), type)
    expect([body.total, body.invalid]).toEqual([2, 1])
})

describe("lists by CSV", () => {
    beforeAll(async () => {
        await sendTo("product=p", "l-1\nl-2\nl-3\n")
        await cloud.api("POST", "/products", { id: "q" })
        await sendTo("product=q", "l-4\n")
    })

    test("into a listed group, of any product; what is not there is told with its line", async () => {
        await cloud.api("POST", "/groups", { id: "g", kind: "listed" })
        const { status, body } = await sendTo("group=g", "id\nl-1\nl-4\nnobody\n\nnot valid\nl-1\n")
        expect(status).toBe(201)
        expect(body).toMatchObject({ group: "g", product: "", total: 5, created: 2, existing: 0, invalid: 3 })
        expect((await cloud.api("GET", "/groups/g/devices")).body.items).toEqual(["l-1", "l-4"])
        const lines = (await read(`/imports/${body.id}/invalid`)).trimEnd().split("\r\n").slice(1)
        expect(lines.map(line => line.split(",")[0])).toEqual(["4", "6", "7"])
        expect(lines[0]).toBe("4,nobody,no device has this name")
        expect((await sendTo("group=g", "l-1\nl-2\n")).body).toMatchObject({ created: 1, existing: 1, invalid: 0 })
    })

    test("into a draft of a rollout, of its product only; then no more", async () => {
        const artifact = await cloud.upload(imageOf("2.0.0"))
        const release = (await cloud.api("POST", "/releases", { product: "p", artifact, scope: null })).body.id
        const draft = { release, scope: { kind: "devices" }, start: false }
        const { id } = (await cloud.api("POST", "/rollouts", draft)).body
        expect((await cloud.api("POST", `/rollouts/${id}/start`)).body.code).toBe("rollout_state")
        const { body } = await sendTo(`rollout=${id}`, "l-1\nl-2\nl-4\n")
        expect(body).toMatchObject({ rollout: id, created: 2, invalid: 1 })
        expect((await cloud.api("GET", `/rollouts/${id}`)).body.scope).toEqual({ kind: "devices", count: 2, ids: ["l-1", "l-2"] })
        expect((await cloud.api("POST", `/rollouts/${id}/start`)).status).toBe(200)
        const late = await sendTo(`rollout=${id}`, "l-3\n")
        expect([late.status, late.body.code]).toEqual([409, "rollout_state"])
    })

    test("exactly one target, which is there", async () => {
        for (const where of ["", "product=p&group=g"]) {
            const { status, body } = await sendTo(where, "l-1")
            expect([status, body.issues[0].path]).toEqual([422, "product"])
        }
        for (const where of ["group=none", "rollout=none", "product=none"]) expect((await sendTo(where, "l-1")).status).toBe(404)
        await cloud.api("POST", "/groups", { id: "w", kind: "where", where: "true" })
        expect((await sendTo("group=w", "l-1")).body.issues[0].path).toBe("group")
    })
})

test("names are remembered exactly, in little memory", () => {
    const isSeen = createSeen()
    const startBytes = process.memoryUsage().arrayBuffers
    let again = 0
    for (let round = 0; round < 2; round += 1)
        for (let index = 0; index < 50_000; index += 1) again += Number(isSeen(`name-${index}`))
    expect(again).toBe(50_000)
    expect(process.memoryUsage().arrayBuffers - startBytes).toBeLessThan(8 << 20)
})
