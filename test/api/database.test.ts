// The cloud and its database when things go wrong: killed processes, two clouds, long paths, closed folders, restarts.

import { spawn, type ChildProcess } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { buildSync } from "esbuild"
import { userIn } from "../../host/cloud/embedded/user"
import { startCloudFixture, temporaryFolder, type Json } from "./cloud-fixture"

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

test("a data folder with a path too long for a socket", async () => {
    const dataDir = join(folder(), "long".repeat(30))
    const cloud = await startCloudFixture({ dataDir })
    expect((await fetch(`${cloud.url}/readyz`)).status).toBe(200)
    const socketFolder = new URL(cloud.databaseUrl).searchParams.get("host") as string
    expect(socketFolder.length).toBeLessThan(80)
    expect(existsSync(socketFolder)).toBe(true)
    await cloud.close()
    expect(existsSync(socketFolder)).toBe(false)
}, 30_000)

// skipped: only root lends the database another user, so there is nothing to see as an ordinary user
const asRoot = isRoot ? test : test.skip

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
