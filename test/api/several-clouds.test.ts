// Clouds beside each other: one data folder, one database, several tenants, and a server that dies.

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Client } from "pg"
import { startCloud } from "../../host/cloud/cloud"
import { startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture

beforeAll(async () => {
    cloud = await startCloudFixture()
}, 30_000)
afterAll(() => cloud?.close())

test("a second one on the same data folder is refused, and the first goes on", async () => {
    await expect(startCloud({ dataDir: cloud.dataDir, log: "silent" })).rejects.toThrow(/in use by another cloud process/)
    expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200)
}, 30_000)

test("a second one on the same database: a device gets one task, however many ask at once", async () => {
    const other = await startCloudFixture({ databaseUrl: cloud.databaseUrl })
    await cloud.api("POST", "/products", { id: "two" })
    await cloud.release("two", "1.1.0")
    const ids = Array.from({ length: 40 }, (_, index) => `two-${index}`)
    const answers = await Promise.all(
        ids.map(async id => {
            const { token } = (await cloud.api("POST", "/devices", { id, product: "two" })).body
            const ask = (at: CloudFixture): Promise<Json> => at.device("/tok/provision/update", token, { id, version: "1.0.0" })
            return Promise.all([ask(cloud), ask(other), ask(cloud), ask(other)])
        }),
    )
    await other.close()
    for (const four of answers) {
        expect(four.map(answer => answer.status)).toEqual([200, 200, 200, 200])
        expect(new Set(four.map(answer => answer.body.update)).size).toBe(1)
    }
    const tasks = (await cloud.api("GET", "/tasks?limit=500&state=offered")).body.items
    expect(tasks).toHaveLength(ids.length)
    const events = (await cloud.api("GET", "/events?limit=500&type=task.offered")).body.items
    expect(events).toHaveLength(ids.length)
}, 30_000)

test("another tenant's things are not there", async () => {
    const client = new Client({ connectionString: cloud.databaseUrl })
    await client.connect()
    const hash = "sha256('foreign'::bytea)"
    await client.query("insert into tenant values ('foreign', 'foreign', now())")
    await client.query(`insert into api_token values ('foreign', 'foreign', 'admin', ${hash}, now())`)
    await client.end()
    await cloud.api("POST", "/products", { id: "mine" })
    await cloud.api("POST", "/devices", { id: "mine-1", product: "mine" })
    const release = await cloud.release("mine", "1.1.0")
    const foreign = (method: string, path: string, body?: unknown): Promise<Json> => cloud.api(method, path, body, "foreign")
    const paths = [
        ["/products/mine", "GET", "PATCH"],
        ["/products/mine/token", "POST"],
        ["/clouds/default", "GET"],
        ["/devices/mine-1", "GET", "PATCH", "DELETE"],
        ["/devices/mine-1/token", "POST", "DELETE"],
        ["/devices/mine-1/explain", "GET"],
        [`/artifacts/${release.artifact}`, "GET"],
        [`/releases/${release.id}`, "GET", "PATCH", "DELETE"],
        [`/rollouts/${release.rollouts[0]}`, "GET"],
    ]
    for (const [path, ...methods] of paths) {
        for (const method of methods) {
            const answer = await foreign(method, path as string, method === "PATCH" ? {} : undefined)
            expect([method, path, answer.status]).toEqual([method, path, 404])
        }
    }
    for (const list of ["products", "clouds", "devices", "artifacts", "releases", "rollouts", "tasks", "events"]) {
        expect((await foreign("GET", `/${list}`)).body.items).toEqual([])
    }
    expect((await foreign("POST", "/releases", { product: "mine", artifact: release.artifact })).body.code).toBe(
        "reference_unknown",
    )
    expect((await foreign("POST", "/devices", { product: "mine" })).body.code).toBe("reference_unknown")
    expect((await cloud.api("GET", "/devices/mine-1")).status).toBe(200)
}, 30_000)

test("events of a restored backup, whose transactions seem to come from the future, are seen and stay in their order", async () => {
    await cloud.api("POST", "/clouds", { id: "before" })
    await cloud.api("POST", "/clouds", { id: "restored" })
    const client = new Client({ connectionString: cloud.databaseUrl })
    await client.connect()
    await client.query("update event set xid = (4000000000 - id)::text::xid8")
    await client.end()
    const made = async (): Promise<string[]> =>
        (await cloud.api("GET", "/events?type=cloud.created")).body.items.map((event: Json) => event.data.cloud)
    expect(await made()).toEqual([])
    await (await startCloudFixture({ databaseUrl: cloud.databaseUrl })).close()
    await cloud.api("POST", "/clouds", { id: "after" })
    expect(await made()).toEqual(["before", "restored", "after"])
}, 30_000)

test("events cannot be changed or removed", async () => {
    const client = new Client({ connectionString: cloud.databaseUrl })
    await client.connect()
    await expect(client.query("delete from event")).rejects.toThrow(/only ever added/)
    await expect(client.query("update event set type = 'x'")).rejects.toThrow(/only ever added/)
    await client.end()
})

test("a server that is killed comes back by itself; meanwhile devices are told when to ask again", async () => {
    const { token } =
        (await cloud.api("POST", "/products", { id: "r" })).body.id &&
        (await cloud.api("POST", "/devices", { id: "r1", product: "r" })).body
    const { folder } = JSON.parse(readFileSync(join(cloud.dataDir, "database.json"), "utf8")) as { folder: string }
    process.kill(Number.parseInt(readFileSync(join(folder, "data", "postmaster.pid"), "utf8"), 10), "SIGKILL")
    const seen: number[] = []
    for (let round = 0; round < 200 && seen.at(-1) !== 200; round += 1) {
        const answer = await cloud.device("/tok/provision/update", token, { id: "r1", version: "1.0.0" })
        seen.push(answer.status)
        if (answer.status === 503) expect(answer.headers.get("retry-after")).toBe("5")
        await sleep(50)
    }
    expect(seen.filter(status => status !== 200 && status !== 503)).toEqual([])
    expect(seen.at(-1)).toBe(200)
}, 40_000)
