// X-Forwarded-For: believed of trusted proxies only, and only what they wrote themselves; guesses and the audit log go by it.

import type { IncomingMessage } from "node:http"
import { clientAddress } from "../../host/cloud/client-address"
import { startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

const from = (remoteAddress: string | undefined, forwarded?: string): IncomingMessage =>
    ({ socket: { remoteAddress }, headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded } }) as IncomingMessage

const NONE: string[] = []
const PROXIES = ["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]
test.each<[string, string[], string | undefined, string | undefined, string]>([
    ["nobody is trusted", NONE, "127.0.0.1", "8.8.8.8", "127.0.0.1"],
    ["the sender is no proxy", PROXIES, "9.9.9.9", "8.8.8.8", "9.9.9.9"],
    ["one proxy", PROXIES, "10.0.0.1", "8.8.8.8", "8.8.8.8"],
    ["a chain of proxies", PROXIES, "10.0.0.1", "8.8.8.8, 10.2.3.4,127.0.0.1", "8.8.8.8"],
    ["what the client wrote itself", PROXIES, "10.0.0.1", "1.1.1.1, 8.8.8.8", "8.8.8.8"],
    ["an untrusted hop in between", PROXIES, "10.0.0.1", "1.1.1.1, 8.8.8.8, 10.2.3.4", "8.8.8.8"],
    ["only proxies", PROXIES, "10.0.0.1", "10.0.0.2", "10.0.0.2"],
    ["no header", PROXIES, "10.0.0.1", undefined, "10.0.0.1"],
    ["an empty header", PROXIES, "10.0.0.1", "", "10.0.0.1"],
    ["rubbish", PROXIES, "10.0.0.1", "8.8.8.8, <script>", "10.0.0.1"],
    ["IPv4 in IPv6's clothes", PROXIES, "::ffff:10.0.0.1", "::ffff:8.8.8.8", "8.8.8.8"],
    ["IPv6, with brackets and port", PROXIES, "fd00::1", "[2606:4700::1111]:443", "2606:4700::1111"],
    ["IPv4 with a port", PROXIES, "10.0.0.1", "8.8.8.8:1234", "8.8.8.8"],
    ["a very long header", PROXIES, "10.0.0.1", `8.8.8.8, ${"10.0.0.2, ".repeat(1000)}10.0.0.2`, "10.0.0.2"],
    ["a connection that is gone", PROXIES, undefined, "8.8.8.8", "unknown"],
])("%s", (_what, proxies, remote, forwarded, expected) => {
    expect(clientAddress(proxies)(from(remote, forwarded))).toBe(expected)
})

test("what is no network is refused at the start", () => {
    for (const network of ["proxy.example", "10.0.0.1", "10.0.0.0/33"])
        expect(() => clientAddress([network])).toThrow(/no network/)
})

describe.each([
    ["behind a trusted proxy", ["127.0.0.0/8"]],
    ["without one", []],
])("a cloud %s", (_what, trustedProxies) => {
    let cloud: CloudFixture
    const isTrusted = trustedProxies.length > 0

    beforeAll(async () => {
        cloud = await startCloudFixture({ trustedProxies, ticks: false })
        await cloud.api("POST", "/products", { id: "lamp" })
        await cloud.api("POST", "/devices", { id: "d", product: "lamp" })
    }, 60_000)
    afterAll(() => cloud?.close())

    async function call(forwarded: string, token: string, path = "/api/v1/products", body?: object): Promise<number> {
        const headers = { Authorization: `Bearer ${token}`, "X-Forwarded-For": forwarded, "Content-Type": "application/json" }
        const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }
        return (await fetch(cloud.url + path, { headers, ...init })).status
    }

    test("the audit log has the sender's address", async () => {
        expect(await call("8.8.4.4", cloud.token, "/api/v1/products", { id: "p" })).toBe(201)
        const { items } = (await cloud.api("GET", "/audit?type=product.created")).body
        expect(items.slice(1).map(({ actor }: Json) => actor.address)).toEqual([isTrusted ? "8.8.4.4" : "127.0.0.1"])
    })

    test("one who guesses is slowed down, by the API and by devices; a neighbour only where they cannot be told apart", async () => {
        for (let n = 0; n < 11; n += 1) await call("8.8.8.8", `guess-${n}`)
        expect([await call("8.8.8.8", cloud.token), await call("9.9.9.9", cloud.token)]).toEqual([429, isTrusted ? 200 : 429])
        // Writing more into the header does not help.
        expect(await call("9.9.9.9, 8.8.8.8", cloud.token)).toBe(429)
        const device = (forwarded: string): Promise<number> => call(forwarded, "guess", "/tok/provision/update", { id: "d" })
        for (let n = 0; n < 10; n += 1) expect(await device("8.8.8.8")).toBe(401)
        expect([await device("8.8.8.8"), await device("9.9.9.9")]).toEqual([429, isTrusted ? 401 : 429])
    })
})
