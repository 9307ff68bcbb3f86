// A command for each: every operation of the OpenAPI document is called by some command, seen on the wire to a real cloud.

import { createServer, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { lmsKey, signedImage } from "../attacks/signed-rig"
import { imageOf, startCloudFixture, type CloudFixture, type Json } from "../api/cloud-fixture"
import { makeFolder, run, writeFiles, type Ran } from "./cli-fixture"

let cloud: CloudFixture
let wire: Server
let env: Record<string, string>
const folder = makeFolder()
const called: string[] = []

beforeAll(async () => {
    cloud = await startCloudFixture()
    wire = createServer((incoming, answer) => {
        called.push(`${incoming.method} ${incoming.url?.split("?")[0]}`)
        const { method, headers, url } = incoming
        const passed = request(cloud.url + String(url), { method, headers }, response => {
            answer.writeHead(response.statusCode ?? 500, response.headers)
            response.pipe(answer)
        })
        passed.on("error", () => answer.destroy())
        answer.on("close", () => passed.destroy())
        incoming.pipe(passed)
    })
    await new Promise<void>(resolve => wire.listen(0, "127.0.0.1", resolve))
    env = { OTARY_CLOUD: `http://127.0.0.1:${(wire.address() as AddressInfo).port}`, OTARY_TOKEN: cloud.token }
    for (const version of ["1.0.0", "2.0.0", "3.0.0", "4.0.0"])
        writeFileSync(join(folder.path, `${version}.zip`), imageOf(version))
    writeFileSync(join(folder.path, "delta.zip"), imageOf("4.0.0", { build_id: "delta" }))
}, 60_000)
afterAll(async () => {
    wire?.closeAllConnections()
    wire?.close()
    await cloud?.close()
    folder.remove()
})

async function ran(...argv: string[]): Promise<Ran> {
    return run([...argv, "--yes"], { cwd: folder.path, env })
}

/** The result of a command that ends with this code. */
async function otary(line: string, ...more: string[]): Promise<Json> {
    const { exitCode, stdout, stderr } = await ran(...line.split(" "), ...more, "--json")
    expect([line, exitCode, exitCode === 0 ? "" : stderr]).toEqual([line, 0, ""])
    return stdout === "" ? null : JSON.parse(stdout)
}

test("products, clouds, devices", async () => {
    const key = lmsKey(1)
    writeFiles(folder.path, { "key.pub": `${key.publicKey}\n` })
    expect(await otary("product create lamp --modules default,mcu --choice recent --signature-required")).toMatchObject({
        ...{ modules: ["default", "mcu"], choice: "recent", signatureRequired: true, publicKeys: [] },
    })
    const changed = await otary("product edit lamp --name Lamp --no-signature-required --public-key key.pub --no-auto-claim")
    expect(changed).toMatchObject({ name: "Lamp", signatureRequired: false, publicKeys: [key.publicKey], autoClaim: false })
    writeFileSync(join(folder.path, "signed.zip"), signedImage([key]))
    expect((await ran("release", "create", "1.0.0.zip", "--product", "lamp")).stderr).toContain("signature_missing")
    expect((await otary("release create signed.zip --product lamp --to none")).rollouts).toEqual([])
    expect((await otary("product edit lamp --public-key none --auto-claim")).publicKeys).toEqual([])
    expect((await otary("product token lamp")).token).toBeTruthy()
    expect((await otary("product list")).map(({ id }: Json) => id)).toContain("lamp")
    expect((await ran("product", "show", "lamp")).stdout).toMatch(/^modules +default mcu$/m)

    expect(await otary("clouds create eu --name Europe")).toMatchObject({ id: "eu", name: "Europe" })
    expect((await otary("clouds list")).map(({ id }: Json) => id)).toEqual(["default", "eu"])
    expect((await otary("clouds show eu")).name).toBe("Europe")

    expect(await otary("device add d1 --product lamp --home eu --runs 1.0.0")).toMatchObject({ cloud: "eu", version: "1.0.0" })
    const edited = await otary("device edit d1 --tags a,b --region north --attribute floor=3 --desired led=true")
    expect(edited).toMatchObject({ tags: ["a", "b"], region: "north", attributes: { floor: 3 }, desired: { led: true } })
    const text = (await ran("device", "show", "d1")).stdout
    expect(text).toMatch(/^tags +a b$/m)
    expect(text).toMatch(/^desired\n {2}led +true$/m)
    expect((await otary("device edit d1 --attribute floor= --tags", "", "--region", "")).attributes).toEqual({})
    expect((await otary("device list --product lamp")).length).toBe(1)
    expect((await otary("device claim d1")).claimed).toBe(true)
    await otary("device token d1")
    await otary("device token d1 --drop")
    expect((await otary("explain d1")).device).toBe("d1")
})

test("artifacts and releases with everything that they may have", async () => {
    const { sha256 } = await otary("artifacts upload 3.0.0.zip --product lamp")
    expect((await otary("artifacts list")).map((one: Json) => one.sha256)).toContain(sha256)
    expect((await otary(`artifacts show ${sha256}`)).manifest.version).toBe("3.0.0")
    writeFiles(folder.path, { "knobs.json5": "{ pendingMax: 5 }" })
    const rules = [
        "--policy",
        "major == 1",
        "--requires",
        ">=1.0.0",
        "--commit",
        "https://example.com/c/1",
        "--knobs",
        "knobs.json5",
    ]
    const whole = "release create 4.0.0.zip --product lamp --module mcu --home eu --needs-verification --delta 3.0.0=delta.zip"
    const made = await otary(`${whole} --file extra=2.0.0.zip --description big`, ...rules)
    expect(made).toMatchObject({
        module: "mcu",
        cloud: "eu",
        requirement: ">=1.0.0",
        policy: "major == 1",
        needsVerification: true,
    })
    expect((await otary(`rollout show ${made.rollouts[0]}`)).knobs.pendingMax).toBe(5)
    expect((await otary(`release edit ${made.id} --description`, "new words")).description).toBe("new words")
    await otary(`release disable ${made.id}`)
    await otary(`release enable ${made.id}`)
    expect((await otary("release list --product lamp")).length).toBeGreaterThan(1)
    expect((await otary(`release show ${made.id}`)).commit).toBe("https://example.com/c/1")
    await otary(`release remove ${made.id}`)
})

test("groups, files of names and rollouts", async () => {
    writeFiles(folder.path, { "names.csv": "n1\nn2\nn3\n", "some.csv": "n1\nn2\nghost\n", "good.csv": "n1\nn2\n" })
    await otary("import names.csv --product lamp")
    await otary("group create g --name Group")
    expect((await ran("import", "some.csv", "--group", "g", "--invalid", "bad.csv")).exitCode).toBe(3)
    expect((await ran("import", "some.csv")).exitCode).toBe(2)
    const [first] = await otary("imports list")
    expect(first).toMatchObject({ group: "g", created: 2, invalid: 1 })
    expect((await otary(`imports show ${first.id} --invalid again.csv`)).invalid).toBe(1)
    expect((await otary("group show g --devices")).devices).toEqual(["n1", "n2"])
    await otary("group add g n3")
    await otary("group drop g n3")
    await otary("group edit g --name G")
    await otary("group list")
    await otary("group create other --where", "region == 'north'")
    await otary("group remove other")

    const { id: release } = await otary("release create 2.0.0.zip --product lamp --to none")
    const toFile = await ran("rollout", "create", "--release", release, "--to", "file:some.csv", "--json")
    expect([toFile.exitCode, JSON.parse(toFile.stdout)]).toMatchObject([3, { state: "draft", scope: { count: 2 } }])
    await otary(`rollout create --release ${release} --to file:good.csv --name listed`)
    await otary(`rollout create --release ${release} --to tag:a,b --dry-run`)
    const dynamic = `rollout create --release ${release} --to all --continuous --from 1.0.0,1.1.0 --where`
    expect((await otary(dynamic, "id == 'd1'", "--draft")).knobs).toMatchObject({
        sourceVersions: ["1.0.0", "1.1.0"],
        where: "id == 'd1'",
    })
    const knobs = { approvals: 1, confirm: true }
    writeFiles(folder.path, { "approved.json5": JSON.stringify(knobs) })
    const approved = (await otary(`rollout create --release ${release} --to d1 --knobs approved.json5`)).id
    const { token } = await otary("token create second --role operator --owner bob")
    expect(
        (await run(["rollout", "approve", approved], { cwd: folder.path, env: { ...env, OTARY_TOKEN: token } })).exitCode,
    ).toBe(0)
    const changed = await otary(`rollout edit ${approved} --timeout 600 --ack-timeout 60 --from 1.0.0 --tag a=b --rate 20`)
    expect(changed.knobs).toMatchObject({ workTimeoutS: 600, ackTimeoutS: 60, sourceVersions: ["1.0.0"], tags: { a: "b" } })
    const held = (await otary(`rollout create --release ${release} --to n3 --draft`)).id
    await otary(`rollout start ${held}`)
    for (const action of ["list", `show ${held}`, `preview ${held}`, `tasks ${held}`]) await otary(`rollout ${action}`)
    const running = async (id: string): Promise<boolean> => (await otary(`rollout show ${id}`)).counts.awaiting > 0
    for (let tries = 0; tries < 100 && !(await running(approved)); tries += 1) await new Promise(done => setTimeout(done, 100))
    const [task] = await otary(`rollout tasks ${approved}`)
    await otary(`rollout confirm d1 ${task.id}`)
    await otary(`rollout pause ${approved}`)
    await otary(`rollout resume ${approved}`)
    await otary(`rollout cancel-task d1 ${task.id}`)
    await otary(`rollout retry ${approved} --canceled`)
    await otary(`rollout cancel ${approved} --tasks queued,awaiting,offered`)
})

test("access, webhooks, what happened", async () => {
    const token = await otary("token create reader --owner ann --days 3")
    expect([token.owner, (await otary(`token show ${token.id}`)).name]).toEqual(["ann", "reader"])
    await otary("token list")
    await otary("token whoami")
    await otary(`token revoke ${token.id}`)
    await otary("tenant create other")
    for (const line of ["tenant list", "tenant show other", "tenant rename other Other"]) await otary(line)
    const hook = (await otary("webhook create https://8.8.8.8/ --type nothing.happens")).id
    expect((await otary(`webhook edit ${hook} --url https://1.1.1.1/ --type a.b --type c.* --description x`)).types).toEqual([
        "a.b",
        "c.*",
    ])
    for (const line of ["webhook list", `webhook show ${hook}`, `webhook disable ${hook}`, `webhook remove ${hook}`])
        await otary(line)
    await otary("events --type tenant.created")
    await otary("audit --type tenant.created")
    expect((await ran("metrics")).stdout).toMatch(/^otary_devices \d+$/m)
    expect((await ran("export", "tasks")).stdout).toContain("id,device,rollout")
    expect((await ran("export", "devices")).stdout).toContain("id,product,cloud")
    const stop = new AbortController()
    const following = run(["events", "--follow"], { cwd: folder.path, env, stop: stop.signal })
    for (let tries = 0; tries < 100 && !called.includes("GET /api/v1/events/stream"); tries += 1)
        await new Promise(done => setTimeout(done, 20))
    stop.abort()
    expect((await following).exitCode).toBe(0)
    await otary("device remove d1")
})

test("every operation of the document was called", async () => {
    const document = (await (await fetch(`${cloud.url}/api/v1/openapi.json`)).json()) as Json
    const operations = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods).map(
            method => [`${method.toUpperCase()} ${path}`, path.replace(/\{\w+\}/g, "[^/]+"), method] as const,
        ),
    )
    expect(operations.length).toBeGreaterThan(70)
    const missing = operations.filter(([, pattern, method]) => {
        const wanted = new RegExp(`^${method.toUpperCase()} ${pattern}$`)
        return !called.some(call => wanted.test(call))
    })
    expect(missing.map(([name]) => name)).toEqual([])
})
