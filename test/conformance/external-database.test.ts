// A PostgreSQL of the system (15 and later) under the store and under a cloud, and the backup that docs/operations.md describes for it.

import { execFileSync } from "node:child_process"
import { chownSync, cpSync, existsSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Client } from "pg"
import { makeCluster, serverUrl, startServer, type Server } from "../../host/cloud/embedded/postmaster"
import { databaseUser } from "../../host/cloud/embedded/user"
import { startCloudFixture, temporaryFolder, type CloudFixture } from "../api/cloud-fixture"
import { storeSuite } from "./store-suite"

const INSTALLED = "/usr/lib/postgresql"
const versions = existsSync(INSTALLED) ? readdirSync(INSTALLED).filter(version => Number(version) >= 15) : []
const [found] = versions.filter(version => existsSync(join(INSTALLED, version, "bin", "initdb")))
const bin = join(INSTALLED, found ?? "", "bin")

// skipped: where the system has no PostgreSQL 15 or later below /usr/lib/postgresql
const withDatabase = found === undefined ? describe.skip : describe

let folder = ""
let server: Server | null = null

/** A throw-away cluster of the system's PostgreSQL; the address of its first database. */
async function startCluster(): Promise<string> {
    folder = temporaryFolder()
    const user = databaseUser()
    if (user !== null) chownSync(folder, user.uid, user.gid)
    const binaries = { initdb: join(bin, "initdb"), postgres: join(bin, "postgres") }
    const plan = { binaries, user, folder, socketFolder: folder, password: "secret", log: () => undefined }
    makeCluster(plan)
    server = await startServer(plan)
    return serverUrl(plan)
}

/** Makes a database in the cluster. */
async function createDatabase(url: string, name: string): Promise<string> {
    const client = new Client({ connectionString: url })
    await client.connect()
    await client.query(`create database ${name}`)
    await client.end()
    return url.replace("/postgres?", `/${name}?`)
}

withDatabase(`PostgreSQL ${found ?? "of the system"}`, () => {
    let url = ""
    const started: CloudFixture[] = []

    async function cloudOn(databaseUrl: string, dataDir: string): Promise<CloudFixture> {
        const cloud = await startCloudFixture({ databaseUrl, dataDir, ticks: false })
        started.push(cloud)
        return cloud
    }

    beforeAll(async () => {
        url = await startCluster()
    }, 60_000)
    afterAll(async () => {
        for (const cloud of started.splice(0)) await cloud.close().catch(() => undefined)
        await server?.stop()
        rmSync(folder, { recursive: true, force: true })
    }, 60_000)

    describe("the store's suite", () => {
        storeSuite(async () => ({ url: await createDatabase(url, "store"), close: async () => undefined }))
    })

    test("a cloud on it, dumped by pg_dump while it runs, restored into an empty database: all of it is there", async () => {
        const [first, second] = [temporaryFolder(), temporaryFolder()]
        const source = await createDatabase(url, "source")
        const before = await cloudOn(source, first)
        await before.api("POST", "/products", { id: "p" })
        const { token } = (await before.api("POST", "/devices", { id: "d", product: "p" })).body
        const release = await before.release("p", "1.1.0")
        const offer = await before.device("/tok/provision/update", token, { id: "d", version: "1.0.0" })
        expect(offer.body.version).toBe("1.1.0")
        const cursor = (await before.api("GET", "/events?limit=500")).body.next

        const file = join(first, "otary.dump")
        execFileSync(join(bin, "pg_dump"), ["--format=custom", `--file=${file}`, source])
        cpSync(join(first, "artifacts"), join(second, "artifacts"), { recursive: true })
        cpSync(join(first, "admin.token"), join(second, "admin.token"))
        await before.api("DELETE", "/devices/d")
        const target = await createDatabase(url, "target")
        execFileSync(join(bin, "pg_restore"), ["--no-owner", `--dbname=${target}`, file])

        const after = await cloudOn(target, second)
        expect((await after.api("GET", `/releases/${release.id}`)).body.version).toBe("1.1.0")
        const again = await after.device("/tok/provision/update", token, { id: "d", version: "1.0.0" })
        expect(again.body.update).toBe(offer.body.update)
        expect((await fetch(again.body.url)).status).toBe(200)
        const report = { id: "d", success: true, update: again.body.update, version: "1.1.0" }
        await after.device("/tok/provision/updateReport", token, report)
        expect((await after.api("GET", "/tasks?device=d")).body.items[0].state).toBe("succeeded")
        const { items } = (await after.api("GET", `/events?cursor=${cursor}`)).body
        expect(items.map(({ type }: { type: string }) => type).sort()).toEqual(["device.version", "task.succeeded"])
        for (const dir of [first, second]) rmSync(dir, { recursive: true, force: true })
    }, 60_000)
})
