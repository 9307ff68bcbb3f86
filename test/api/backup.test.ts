// Backup and restore as docs/operations.md says: the copied folders of a stopped cloud, put back, are the cloud.

import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { startCloudFixture, temporaryFolder } from "./cloud-fixture"

/** The command of the document: owners, modes and times stay as they are. */
function copy(from: string, to: string): void {
    mkdirSync(to, { recursive: true })
    execFileSync("cp", ["-a", `${from}/.`, to])
}

test("folders put back are the cloud as it was; events go on behind old cursors", async () => {
    const [dataDir, backup] = [temporaryFolder(), temporaryFolder()]
    const before = await startCloudFixture({ dataDir })
    await before.api("POST", "/products", { id: "p" })
    const { token } = (await before.api("POST", "/devices", { id: "d", product: "p" })).body
    const release = await before.release("p", "2.0.0")
    const viewer = (await before.api("POST", "/tokens", { name: "v", role: "viewer" })).body.token
    const cursor = (await before.api("GET", "/events?limit=500")).body.next
    await before.close()
    const { folder } = JSON.parse(readFileSync(join(dataDir, "database.json"), "utf8")) as { folder: string }
    copy(dataDir, join(backup, "data"))
    copy(folder, join(backup, "database"))

    const harmed = await startCloudFixture({ dataDir })
    await harmed.api("DELETE", `/releases/${release.id}`)
    await harmed.api("DELETE", "/devices/d")
    await harmed.close()
    rmSync(dataDir, { recursive: true })
    rmSync(folder, { recursive: true, force: true })
    expect(existsSync(folder)).toBe(false)
    copy(join(backup, "data"), dataDir)
    copy(join(backup, "database"), folder)

    const after = await startCloudFixture({ dataDir })
    expect(after.token).toBe(before.token)
    expect((await after.api("GET", `/releases/${release.id}`)).body.version).toBe("2.0.0")
    expect((await after.api("GET", "/products/p", undefined, viewer)).status).toBe(200)
    const offer = await after.device("/tok/provision/update", `bearer ${token}`, { id: "d", version: "1.0.0" })
    expect((await fetch(offer.body.url)).status).toBe(200)
    const events = (await after.api("GET", `/events?cursor=${cursor}`)).body.items.map(({ type }: { type: string }) => type)
    await after.close()
    expect(events).toContain("task.offered")
    for (const dir of [dataDir, backup]) rmSync(dir, { recursive: true, force: true })
}, 120_000)
