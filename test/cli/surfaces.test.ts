// Commands over the whole API against a real cloud: CSV, tokens, groups, rollouts, webhooks, events, simulation.

import { join } from "node:path"
import { imageOf, startCloudFixture, type CloudFixture, type Json } from "../api/cloud-fixture"
import { makeFolder, run, writeFiles, type Ran } from "./cli-fixture"

let cloud: CloudFixture
let folder: ReturnType<typeof makeFolder>
let release: string

beforeAll(async () => {
    cloud = await startCloudFixture()
    folder = makeFolder()
    await cloud.api("POST", "/products", { id: "p" })
    const artifact = await cloud.upload(imageOf("2.0.0"))
    release = (await cloud.api("POST", "/releases", { product: "p", artifact, scope: null })).body.id
}, 60_000)
afterAll(async () => {
    await cloud?.close()
    folder?.remove()
})

async function otary(...argv: string[]): Promise<Ran & { json: Json }> {
    const env = { OTARY_CLOUD: cloud.url, OTARY_TOKEN: cloud.token }
    const ran = await run([...argv, "--json"], { cwd: folder.path, env })
    return { ...ran, json: ran.stdout.startsWith("{") || ran.stdout.startsWith("[") ? JSON.parse(ran.stdout) : null }
}

test("names in, invalid ones saved, devices out", async () => {
    writeFiles(folder.path, { "names.csv": "c-1\nc-2\nnot valid\n" })
    const done = await otary("import", "names.csv", "--product", "p", "--invalid", "bad.csv")
    expect([done.exitCode, done.json]).toEqual([3, expect.objectContaining({ total: 3, created: 2, invalid: 1 })])
    const out = await otary("export", "devices", "--product", "p")
    expect(out.stdout.split("\r\n").map(line => line.split(",")[0])).toEqual(["id", "c-1", "c-2", ""])
    expect((await otary("import", "gone.csv", "--product", "p")).exitCode).toBe(1)
})

test("a group, a preview, a rollout held, edited and ended", async () => {
    expect((await otary("group", "create", "beta")).json).toMatchObject({ id: "beta", kind: "listed" })
    expect((await otary("group", "add", "beta", "c-1", "nobody")).json.count).toBe(1)
    const preview = await otary("rollout", "create", "--release", release, "--to", "group:beta", "--dry-run")
    expect(preview.json).toMatchObject({ total: 1, notMatching: 1 })
    const made = (await otary("rollout", "create", "--release", release, "--to", "group:beta", "--rate", "20", "--draft")).json
    expect(made).toMatchObject({ state: "draft", knobs: { rate: { kind: "constant", perMinute: 20 } } })
    expect((await otary("rollout", "edit", made.id, "--rate", "40")).json.knobs.rate.perMinute).toBe(40)
    expect((await otary("rollout", "start", made.id)).json.state).not.toBe("draft")
    expect((await otary("rollout", "pause", "none")).exitCode).toBe(1)
    expect((await otary("rollout", "cancel", made.id)).exitCode).toBe(2)
    expect((await otary("rollout", "cancel", made.id, "--yes")).json).toMatchObject({ outcome: "canceled" })
})

test("a push to everyone at once is made with --yes only", async () => {
    const order = ["rollout", "create", "--release", release, "--to", "all", "--push"]
    const slip = await otary(...order)
    expect([slip.exitCode, slip.stderr]).toEqual([2, expect.stringContaining("CLI_CONFIRM")])
    const meant = await otary(...order, "--yes")
    expect([meant.exitCode, meant.json.knobs.delivery]).toEqual([0, "push"])
})

test("tokens, tenants, webhooks and what was done", async () => {
    const token = (await otary("token", "create", "reads", "--days", "7")).json
    expect(token).toMatchObject({ role: "viewer", name: "reads" })
    const who = await run(["token", "whoami", "--json", "--cloud", cloud.url, "--token", token.token], { cwd: folder.path })
    expect(JSON.parse(who.stdout)).toMatchObject({ role: "viewer", tenant: "default" })
    expect((await otary("token", "revoke", token.id, "--yes")).exitCode).toBe(0)
    expect((await otary("tenant", "create", "second")).json.token).toBeTruthy()
    const hook = (await otary("webhook", "create", "https://8.8.8.8/", "--type", "nothing.happens")).json
    expect((await otary("webhook", "disable", hook.id)).json.enabled).toBe(false)
    expect((await otary("webhook", "create", "https://127.0.0.1/")).stderr).toContain("address_internal")
    const audit = (await otary("audit")).json as Json[]
    expect(audit.map(({ type }) => type)).toEqual(expect.arrayContaining(["token.revoked", "tenant.created", "webhook.changed"]))
    expect((await otary("events", "--type", "tenant.created")).json.items).toHaveLength(1)
})

test("events are followed live until the user stops", async () => {
    const stop = new AbortController()
    const env = { OTARY_CLOUD: cloud.url, OTARY_TOKEN: cloud.token }
    const following = run(["events", "--follow", "--type", "cloud.created", "--json"], {
        cwd: folder.path,
        env,
        stop: stop.signal,
    })
    await new Promise(resolve => setTimeout(resolve, 1000))
    await cloud.api("POST", "/clouds", { id: "seen" })
    await new Promise(resolve => setTimeout(resolve, 2500))
    stop.abort()
    const { exitCode, stdout } = await following
    expect([exitCode, JSON.parse(stdout).data.cloud]).toEqual([0, "seen"])
})

test("a simulation keeps the rate, ends, and is the same each time", async () => {
    const knobs = { rate: { kind: "constant", perMinute: 20 }, retry: { countMax: 1, delayS: 0 } }
    const population = { devices: 200, failures: 0.1, downloadS: 30, knobs }
    writeFiles(folder.path, { "population.json5": JSON.stringify(population), "bad.json5": "{devices: 0}" })
    const done = await otary("rollout", "simulate", "population.json5")
    expect(done.json).toMatchObject({ state: "finished", outcome: "success", devices: 200 })
    const { samples } = done.json
    for (let at = 1; at < samples.length; at += 1) expect(samples[at].pushed - samples[at - 1].pushed).toBeLessThanOrEqual(20)
    const last = samples.at(-1)
    expect(last.succeeded + last.failed).toBe(200)
    expect(last.pushed).toBeGreaterThan(200)
    expect((await otary("rollout", "simulate", "population.json5")).stdout).toBe(done.stdout)
    const plain = await run(["rollout", "simulate", join(folder.path, "population.json5")], { cwd: folder.path })
    expect(plain.stdout.split("\n")[0]).toBe("minute,pushed,working,succeeded,failed")
    expect(plain.stderr).toContain("p pushed  w working  s succeeded  f failed")
    expect((await otary("rollout", "simulate", "bad.json5")).stderr).toContain("CLI_FILE")
})
