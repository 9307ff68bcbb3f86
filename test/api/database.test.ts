// The cloud and its database when things go wrong: killed processes, two clouds, long paths, closed folders, restarts.

import { spawn, type ChildProcess } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { buildSync } from "esbuild"
import { Client } from "pg"
import { startCloud } from "../../host/cloud/cloud"
import { userIn } from "../../host/cloud/embedded/user"
import { startCloudFixture, temporaryFolder, type CloudFixture, type Json } from "./cloud-fixture"

const ROOT = join(__dirname, "..", "..")
const isRoot = process.getuid?.() === 0
const folders: string[] = []

function folder(): string {
    const made = temporaryFolder()
    folders.push(made)
    return made
}

afterAll(() => folders.forEach(made => rmSync(made, { recursive: true, force: true })))

/** A program that starts a cloud in the folder it is given and prints where it listens. */
function program(): string {
    const file = join(folder(), "cloud.cjs")
    const source = `import { startCloud } from "./host/cloud/cloud"
        startCloud({ dataDir: process.argv[2], log: "silent" }).then(cloud => console.log(cloud.url + " " + cloud.adminToken))`
    const stdin = { contents: source, resolveDir: ROOT, loader: "ts" as const }
    buildSync({ stdin, bundle: true, platform: "node", packages: "external", format: "cjs", outfile: file })
    return file
}

function startProgram(file: string, dataDir: string): { child: ChildProcess; ready: Promise<string[]> } {
    const env = { ...process.env, NODE_PATH: join(ROOT, "node_modules") }
    const child = spawn(process.execPath, [file, dataDir], { env, stdio: ["ignore", "pipe", "inherit"] })
    const ready = new Promise<string[]>(resolve =>
        child.stdout?.once("data", (line: Buffer) => resolve(line.toString().trim().split(" "))),
    )
    return { child, ready }
}

async function kill(child: ChildProcess): Promise<void> {
    const gone = new Promise(resolve => child.once("exit", resolve))
    child.kill("SIGKILL")
    await gone
}

/** The database's folder, wherever the cloud put it. */
function placeOf(dataDir: string): string {
    return (JSON.parse(readFileSync(join(dataDir, "database.json"), "utf8")) as { folder: string }).folder
}

function postmasterPid(dataDir: string): number {
    const file = join(placeOf(dataDir), "data", "postmaster.pid")
    return existsSync(file) ? Number.parseInt(readFileSync(file, "utf8"), 10) : 0
}

test("killed at any moment, also while it starts: the next start needs no hand and has all that was acknowledged", async () => {
    const file = program()
    const dataDir = folder()
    const made: string[] = []
    for (const delayMs of [300, 450, 600, 900]) {
        const { child } = startProgram(file, dataDir)
        await sleep(delayMs)
        await kill(child)
    }
    for (let round = 0; round < 4; round += 1) {
        const { child, ready } = startProgram(file, dataDir)
        const [url, token] = await ready
        const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }
        for (let index = 0; index < 3; index += 1) {
            const id = `k-${round}-${index}`
            const answer = await fetch(`${url}/api/v1/products`, { method: "POST", headers, body: JSON.stringify({ id }) })
            expect(answer.status).toBe(201)
            made.push(id)
        }
        await kill(child)
    }
    const cloud = await startCloudFixture({ dataDir })
    const { items } = (await cloud.api("GET", "/products")).body
    expect(items.map((item: Json) => item.id)).toEqual(made)
    const pid = postmasterPid(dataDir)
    await cloud.close()
    expect(() => process.kill(pid, 0)).toThrow()
}, 60_000)

test("the database goes when its cloud is killed", async () => {
    const dataDir = folder()
    const { child, ready } = startProgram(program(), dataDir)
    await ready
    expect(postmasterPid(dataDir)).toBeGreaterThan(0)
    await kill(child)
    for (let wait = 0; wait < 100 && postmasterPid(dataDir) !== 0; wait += 1) await sleep(100)
    expect(postmasterPid(dataDir)).toBe(0)
}, 30_000)

test("a lock file that names a living process of another kind is cleared", async () => {
    const dataDir = folder()
    await (await startCloudFixture({ dataDir })).close()
    const lines = [process.pid, join(placeOf(dataDir), "data"), 1, 5432, "/nowhere", "", "", "ready"]
    writeFileSync(join(placeOf(dataDir), "data", "postmaster.pid"), lines.join("\n"))
    await (await startCloudFixture({ dataDir })).close()
}, 30_000)

describe("one cloud runs", () => {
    let cloud: CloudFixture

    beforeAll(async () => {
        cloud = await startCloudFixture()
    }, 30_000)
    afterAll(() => cloud.close())

    test("a second one on the same data folder is refused, and the first goes on", async () => {
        await expect(startCloud({ dataDir: cloud.dataDir, log: "silent" })).rejects.toThrow(/in use by another cloud process/)
        expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200)
    }, 30_000)

    test("a second one on the same database: a device gets one task, however many ask at once", async () => {
        const other = await startCloudFixture({ databaseUrl: cloud.databaseUrl, dataDir: folder() })
        await cloud.api("POST", "/products", { id: "two" })
        await cloud.release("two", "1.1.0")
        const ids = Array.from({ length: 40 }, (_, index) => `two-${index}`)
        const answers = await Promise.all(
            ids.map(async id => {
                const { token } = (await cloud.api("POST", "/devices", { id, product: "two" })).body
                const ask = (at: CloudFixture): Promise<Json> =>
                    at.device("/tok/provision/update", token, { id, version: "1.0.0" })
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
        process.kill(postmasterPid(cloud.dataDir), "SIGKILL")
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
})

test("a data folder with a path too long for a socket", async () => {
    const dataDir = join(folder(), "long".repeat(30))
    const cloud = await startCloudFixture({ dataDir })
    expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200)
    await cloud.close()
}, 30_000)

const asRoot = isRoot ? test : test.skip

// Only root lends the database another user, so there is nothing to see as an ordinary user.
asRoot(
    "a data folder that the database's user cannot enter: the cluster goes where it can, and the folder stays closed",
    async () => {
        const closed = join(folder(), "closed")
        mkdirSync(closed, { mode: 0o700 })
        chmodSync(closed, 0o700)
        const dataDir = join(closed, "data")
        const cloud = await startCloudFixture({ dataDir })
        expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200)
        await cloud.close()
        expect(placeOf(dataDir).startsWith("/var/lib/otary/")).toBe(true)
        expect(statSync(closed).mode & 0o777).toBe(0o700)
        rmSync(placeOf(dataDir), { recursive: true, force: true })
    },
    30_000,
)

test("the admin token is the same after a restart and closed to others", async () => {
    const dataDir = folder()
    const first = await startCloudFixture({ dataDir })
    await first.close()
    const second = await startCloudFixture({ dataDir })
    expect(second.token).toBe(first.token)
    expect(statSync(join(dataDir, "admin.token")).mode & 0o777).toBe(0o600)
    expect((await second.api("GET", "/clouds")).status).toBe(200)
    await second.close()
}, 30_000)

test("which user root lends the database", () => {
    const passwd = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\npostgres:x:101:104::/:/bin/sh\n"
    expect(userIn(passwd)).toEqual({ name: "postgres", uid: 101, gid: 104 })
    expect(userIn(passwd.replace(/postgres.*/, ""))).toEqual({ name: "nobody", uid: 65534, gid: 65534 })
    expect(userIn("root:x:0:0::/root:/bin/sh\n")).toBeNull()
    expect(userIn("postgres:x:0:0::/:/bin/sh\n")).toBeNull()
})
