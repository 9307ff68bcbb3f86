// product, device, release and explain against a real cloud.

import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { LOCAL_FOLDER } from "../../host/cli/local-cloud"
import { imageOf, startCloudFixture, type CloudFixture, type Json } from "../api/cloud-fixture"
import { makeFolder, run, writeFiles, type Ran } from "./cli-fixture"

let cloud: CloudFixture
const folder = makeFolder()
const cwd = folder.path

beforeAll(async () => {
    cloud = await startCloudFixture()
    writeFiles(cwd, { [`${LOCAL_FOLDER}/cloud.json`]: JSON.stringify({ url: cloud.url, data: cloud.dataDir, pid: process.pid }) })
    for (const version of ["1.1.0", "1.2.0"]) writeFileSync(join(cwd, `${version}.zip`), imageOf(version))
    await otary("product", "create", "lamp", "--name", "Lamp")
}, 60_000)
afterAll(async () => {
    await cloud?.close()
    folder.remove()
})

/** Runs a command in the folder of the cloud. */
function otary(...argv: string[]): Promise<Ran> {
    return run(argv, { cwd })
}

/** The result of a command that must succeed. */
async function json(...argv: string[]): Promise<Json> {
    const ran = await otary(...argv, "--json")
    expect([ran.exitCode, ran.stdout.match(/\n/g)?.length]).toEqual([0, 1])
    return JSON.parse(ran.stdout)
}

test("products are created, listed and shown", async () => {
    const made = await json("product", "create", "pump", "--no-auto-claim")
    expect(made).toMatchObject({ id: "pump", name: "pump", autoClaim: false, registerById: true, token: expect.any(String) })
    expect((await json("product", "list")).map(({ id }: Json) => id)).toEqual(expect.arrayContaining(["lamp", "pump"]))
    expect((await otary("product", "show", "pump")).stdout).toMatch(/^autoClaim +false$/m)
    const again = await otary("product", "create", "pump")
    expect([again.exitCode, again.stdout]).toEqual([1, ""])
    expect(again.stderr).toMatch(/^otary: already_exists: /)
})

test("devices are added, listed, shown, given tokens and removed", async () => {
    const made = await json("device", "add", "lamp-1", "--product", "lamp", "--attribute", "floor=3", "--attribute", "room=b=2")
    expect(made).toMatchObject({ id: "lamp-1", attributes: { floor: 3, room: "b=2" }, token: expect.any(String) })
    const body = { id: "lamp-1", version: "1.0.0" }
    expect((await cloud.device("/tok/provision/update", `bearer ${made.token}`, body)).status).toBe(200)
    expect((await otary("device", "list", "--product", "lamp")).stdout).toMatch(/^lamp-1 +lamp +1\.0\.0 +yes +\d{4}-/m)
    expect((await otary("device", "show", "lamp-1")).stdout).toMatch(/^ {2}floor +3$/m)
    const { token } = await json("device", "token", "lamp-1")
    expect((await cloud.device("/tok/provision/update", `bearer ${made.token}`, body)).status).toBe(401)
    expect((await cloud.device("/tok/provision/update", `bearer ${token}`, body)).status).toBe(200)
    expect(await json("device", "token", "lamp-1", "--drop")).toEqual({ device: "lamp-1", token: null })
    expect((await cloud.device("/tok/provision/update", `bearer ${token}`, body)).status).toBe(401)
    const asked = await otary("device", "remove", "lamp-1")
    expect([asked.exitCode, asked.stderr]).toEqual([2, expect.stringMatching(/^otary: CLI_CONFIRM: /)])
    expect((await otary("device", "remove", "lamp-1", "--yes")).exitCode).toBe(0)
    expect((await otary("device", "show", "lamp-1")).stderr).toMatch(/^otary: not_found: /)
})

test("a device that waits is claimed", async () => {
    await json("product", "create", "valve", "--no-auto-claim")
    const register = (): Promise<Json> => cloud.device("/device/register", "bearer valve", { id: "valve-1" })
    expect((await register()).body).toEqual({ registered: true })
    expect((await otary("device", "list", "--product", "valve")).stdout).toMatch(/^valve-1 +valve +- +no +never$/m)
    expect(await json("device", "claim", "valve-1")).toMatchObject({ claimed: true })
    expect((await register()).body.token).toEqual(expect.any(String))
})

test("what a device says of itself does not steer the terminal", async () => {
    await cloud.device("/device/register", "bearer lamp", { id: "lamp-9", room: "\u001b]0;owned\u0007" })
    expect((await otary("device", "show", "lamp-9")).stdout).toMatch(/^ {2}room +\?\]0;owned\?$/m)
})

test("releases are created, explained, disabled, enabled and removed", async () => {
    await json("product", "create", "fan")
    for (const id of ["fan-1", "fan-2"]) {
        const { token } = await json("device", "add", id, "--product", "fan")
        await cloud.device("/tok/provision/update", `bearer ${token}`, { id, version: "1.0.0", platform: "host" })
    }
    const listed = await json("release", "create", "1.2.0.zip", "--product", "fan", "--to", "fan-1", "--description", "two")
    const all = await json("release", "create", "1.1.0.zip", "--product", "fan", "--disabled")
    expect((await otary("release", "list", "--product", "fan")).stdout).toMatch(/ 1\.2\.0 +yes +\S+ +two$/m)

    const explained = await otary("explain", "fan-2")
    expect([explained.exitCode, explained.stdout.split("\n")[0]]).toEqual([
        0,
        "fan-2 of product fan runs 1.0.0 and takes no update",
    ])
    expect(explained.stdout).toMatch(/✗ {2}scope +the device is not listed in the rollout/)
    expect(explained.stdout).toMatch(/✗ {2}release-enabled +the release is disabled/)
    expect(explained.stdout).toMatch(/✓ {2}policy +device 1\.0\.0 is lower than release 1\.1\.0/)

    await json("release", "enable", all.id)
    expect((await json("explain", "fan-2")).decision.update).toMatchObject({ version: "1.1.0" })
    expect((await otary("explain", "fan-1")).stdout).toContain("takes 1.2.0 at its next check-in")
    expect((await json("release", "disable", all.id)).enabled).toBe(false)
    const shown = await json("release", "show", listed.id)
    expect(shown).toMatchObject({ version: "1.2.0", rollouts: [{ scope: { kind: "devices", count: 1 } }], tasks: { offered: 0 } })
    expect((await otary("release", "show", listed.id)).stdout).toMatch(/ 1 devices$/m)
    expect(await json("release", "remove", all.id, "--yes")).toEqual({ release: all.id, removed: true })
})

test("what the cloud refuses after looking at it is exit code 3, everything else 1", async () => {
    writeFileSync(join(cwd, "none.zip"), "no image at all")
    const refused = await otary("release", "create", "none.zip", "--product", "lamp")
    expect([refused.exitCode, refused.stderr]).toEqual([3, expect.stringMatching(/^otary: image_invalid: /)])
    const unknown = await otary("release", "create", "1.1.0.zip", "--product", "lamp", "--to", "nobody", "--json")
    expect([unknown.exitCode, JSON.parse(unknown.stderr).error]).toEqual([
        1,
        { code: "reference_unknown", message: expect.any(String), hint: expect.stringContaining("scope.ids.0: nobody") },
    ])
})

test("the token of this folder's cloud is sent to that cloud only", async () => {
    const other = cloud.url.replace("127.0.0.1", "localhost")
    expect((await otary("device", "list", "--cloud", other)).stderr).toMatch(/^otary: CLI_TOKEN_MISSING: /)
    expect((await otary("device", "list", "--cloud", other, "--token", cloud.token)).exitCode).toBe(0)
    const wrong = await otary("device", "list", "--token", "wrong")
    expect([wrong.exitCode, wrong.stderr]).toEqual([1, expect.stringMatching(/^otary: unauthorized: /)])
    const env = { OTARY_CLOUD: `${cloud.url}/`, OTARY_TOKEN: cloud.token }
    expect((await run(["device", "list"], { env })).exitCode).toBe(0)
})

test("what does not speak the API is told apart from a refusal", async () => {
    const server = createServer((_, response) => response.end("<p>It works!</p>")).listen(0, "127.0.0.1")
    await once(server, "listening")
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const ran = await otary("device", "list", "--cloud", url, "--token", "t")
    server.close()
    expect([ran.exitCode, ran.stderr]).toEqual([1, expect.stringMatching(/^otary: CLI_CLOUD_ANSWER: /)])
})
