// Live events: in order, without a gap over a broken connection, ended with the token.

import { startCloudFixture, type CloudFixture } from "./cloud-fixture"

let cloud: CloudFixture

beforeAll(async () => {
    cloud = await startCloudFixture()
}, 60_000)
afterAll(() => cloud?.close())

interface Seen {
    id: string
    event: string
    product: string
}

/** Follows the stream until `count` events have come. */
async function follow(count: number, lastId: string, ready: () => Promise<unknown> = async () => undefined): Promise<Seen[]> {
    const headers: Record<string, string> = { Authorization: `Bearer ${cloud.token}` }
    if (lastId !== "") headers["Last-Event-ID"] = lastId
    const gone = new AbortController()
    const response = await fetch(`${cloud.url}/api/v1/events/stream?type=product.created`, { headers, signal: gone.signal })
    expect(response.headers.get("content-type")).toBe("text/event-stream")
    void ready()
    const seen: Seen[] = []
    let text = ""
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        text += new TextDecoder().decode(chunk)
        const blocks = text.split("\n\n")
        text = blocks.pop() ?? ""
        for (const block of blocks) {
            const field = (name: string): string => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? ""
            if (field("id") === "") continue
            seen.push({ id: field("id"), event: field("event"), product: JSON.parse(field("data")).data.product })
        }
        if (seen.length >= count) break
    }
    gone.abort()
    return seen
}

test("a view that breaks goes on where it was", async () => {
    const make = async (ids: string[]): Promise<void> => {
        for (const id of ids) await cloud.api("POST", "/products", { id })
    }
    const first = await follow(2, "", () => make(["l1", "l2"]))
    expect(first.map(({ product, event }) => [product, event])).toEqual([
        ["l1", "product.created"],
        ["l2", "product.created"],
    ])
    await make(["l3", "l4"])
    const second = await follow(3, first.at(-1)?.id ?? "", () => make(["l5"]))
    expect(second.map(({ product }) => product)).toEqual(["l3", "l4", "l5"])
    const page = await cloud.api("GET", `/events?type=product.created&cursor=${second[0]?.id}`)
    expect(page.body.items.map((event: { data: { product: string } }) => event.data.product)).toEqual(["l4", "l5"])
})

test("a cursor that is none is refused", async () => {
    expect((await cloud.api("GET", "/events/stream?cursor=AAAA")).status).toBe(400)
})

test("the cloud's end ends the views at once", async () => {
    const other = await startCloudFixture()
    const headers = { Authorization: `Bearer ${other.token}` }
    const response = await fetch(`${other.url}/api/v1/events/stream`, { headers })
    const start = performance.now()
    await Promise.all([other.close(), response.text()])
    expect(performance.now() - start).toBeLessThan(4000)
})
