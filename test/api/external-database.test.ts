// The cloud on a PostgreSQL of the system (15 and later), reached by its address like any other.

import { existsSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { makeCluster, serverUrl, startServer, type Server } from "../../host/cloud/embedded/postmaster"
import { databaseUser } from "../../host/cloud/embedded/user"
import { chownSync } from "node:fs"
import { startCloudFixture, temporaryFolder } from "./cloud-fixture"

const INSTALLED = "/usr/lib/postgresql"
const versions = existsSync(INSTALLED) ? readdirSync(INSTALLED).filter(version => Number(version) >= 15) : []
const found = versions.filter(version => existsSync(join(INSTALLED, version, "bin", "initdb")))

// skipped: where the system has no PostgreSQL 15 or later in its usual place
const withDatabase = found.length > 0 ? test : test.skip

withDatabase(
    "migrations, check-in, report and events work there, too",
    async () => {
        const folder = temporaryFolder()
        const user = databaseUser()
        if (user !== null) chownSync(folder, user.uid, user.gid)
        const bin = join(INSTALLED, found[0] as string, "bin")
        const binaries = { initdb: join(bin, "initdb"), postgres: join(bin, "postgres") }
        const plan = { binaries, user, folder, socketFolder: folder, password: "secret", log: () => undefined }
        let server: Server | null = null
        try {
            makeCluster(plan)
            server = await startServer(plan)
            await useCloud(serverUrl(plan))
        } finally {
            await server?.stop()
            rmSync(folder, { recursive: true, force: true })
        }
    },
    60_000,
)

async function useCloud(databaseUrl: string): Promise<void> {
    for (const version of ["1.1.0", "1.2.0"]) {
        const cloud = await startCloudFixture({ databaseUrl })
        const id = `d-${version}`
        await cloud.api("POST", "/products", { id: "p" })
        const { token } = (await cloud.api("POST", "/devices", { id, product: "p" })).body
        await cloud.release("p", version, { ids: [id] })
        const offer = await cloud.device("/tok/provision/update", token, { id, version: "1.0.0" })
        expect(offer.body.version).toBe(version)
        await cloud.device("/tok/provision/updateReport", token, { id, success: true, update: offer.body.update, version })
        const tasks = (await cloud.api("GET", `/tasks?device=${id}`)).body.items
        expect(tasks.map((task: { state: string }) => task.state)).toEqual(["succeeded"])
        expect((await cloud.api("GET", `/events?device=${id}`)).body.items.length).toBeGreaterThanOrEqual(4)
        await cloud.close()
    }
}
