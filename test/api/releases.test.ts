// What a release is made of: differential images, modules, clouds, ranges, verification first; and what devices say of themselves.

import { imageOf, startCloudFixture, type CloudFixture, type Json } from "./cloud-fixture"

let cloud: CloudFixture
const tokens = new Map<string, string>()
let count = 0

beforeAll(async () => {
    cloud = await startCloudFixture({ ticks: false })
    await cloud.api("POST", "/clouds", { id: "eu" })
}, 60_000)
afterAll(() => cloud?.close())

/** A product of its own with devices of these ids behind its name. */
async function productWith(devices: string[], more: object = {}): Promise<string> {
    const id = `r${(count += 1)}`
    expect((await cloud.api("POST", "/products", { id, ...more })).status).toBe(201)
    for (const device of devices) await deviceOf(id, device)
    return id
}

async function deviceOf(product: string, name: string, more: object = {}): Promise<void> {
    const made = await cloud.api("POST", "/devices", { id: `${product}-${name}`, product, ...more })
    tokens.set(`${product}-${name}`, made.body.token)
}

async function send(path: string, id: string, body: object): Promise<Json> {
    const answer = await cloud.device(`/tok/provision/${path}`, `bearer ${tokens.get(id)}`, { id, ...body })
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)])
    return answer.body
}

const checkin = (id: string, version = "1.0.0", more: object = {}): Promise<Json> => send("update", id, { version, ...more })

async function releaseOf(product: string, version: string, more: object = {}, manifest: object = {}): Promise<Json> {
    const artifact = await cloud.upload(imageOf(version, { build_id: `${product}-${version}`, ...manifest }))
    return (await cloud.api("POST", "/releases", { product, artifact, ...more })).body
}

const failing = async (device: string, release: string): Promise<string> => {
    const { rollouts } = (await cloud.api("GET", `/devices/${device}/explain`)).body
    return rollouts.find((one: Json) => one.release === release).checks.find(({ ok }: Json) => !ok)?.check ?? ""
}

describe("differential images", () => {
    const deltaOf = (version: string, build: string, more: object = {}): Promise<string> =>
        cloud.upload(imageOf(version, { build_id: build, ...more }))

    test("a device gets the one for its version, others the full image", async () => {
        const product = await productWith(["a", "b"])
        const delta = await deltaOf("2.0.0", "from-1.1")
        const release = await releaseOf(product, "2.0.0", { deltas: { "1.1.0": delta } })
        expect((await checkin(`${product}-a`, "1.1.0")).checksum).toBe(delta)
        expect((await checkin(`${product}-b`, "1.0.0")).checksum).toBe(release.artifact)
    })

    test("without a full image only devices with a source version get it", async () => {
        const product = await productWith(["a", "b"])
        const artifact = await deltaOf("2.0.0", "only-from-1.1")
        const { body } = await cloud.api("POST", "/releases", { product, artifact, deltas: { "1.1.0": artifact } })
        expect((await checkin(`${product}-a`, "1.1.0")).checksum).toBe(artifact)
        expect(await checkin(`${product}-b`, "1.0.0")).toEqual({})
        expect(await failing(`${product}-b`, body.id)).toBe("artifact")
    })

    test("of another version or platform, or not there, it is refused by its field", async () => {
        const product = await productWith([])
        const artifact = await deltaOf("2.0.0", "full")
        const bad = [await deltaOf("2.0.1", "other"), await deltaOf("2.0.0", "esp", { platform: "esp32" })]
        for (const [image, code] of [...bad.map(one => [one, "image_mismatch"]), ["0".repeat(64), "reference_unknown"]]) {
            const { status, body } = await cloud.api("POST", "/releases", { product, artifact, deltas: { "1.1.0": image } })
            expect([status, body.code, body.issues[0].path]).toEqual([422, code, "deltas.1.1.0"])
        }
        const files = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`f${at}`, artifact]))
        expect((await cloud.api("POST", "/releases", { product, artifact, files })).body.issues[0].path).toBe("files")
        const { f0: _one, ...nineteen } = files
        expect((await cloud.api("POST", "/releases", { product, artifact, files: nineteen })).status).toBe(201)
    })
})

describe("fields", () => {
    test.each<[string, object, string]>([
        ["a range that is none", { requirement: "soon" }, "requirement"],
        ["a script as commit", { commit: "javascript:alert(1)" }, "commit"],
        ["a file as commit", { commit: " file:///etc/passwd" }, "commit"],
        ["an unknown module", { module: "mcu" }, "module"],
        ["an unknown cloud", { cloud: "us" }, "cloud"],
        ["a knob out of its limits", { knobs: { pendingMax: 0 } }, "knobs.pendingMax"],
        ["a condition that is none", { knobs: { where: "a >" } }, "knobs.where"],
        ["an unknown group", { scope: { kind: "groups", groups: ["none"] } }, "scope.groups.0"],
    ])("refused: %s", async (_what, fields, path) => {
        const product = await productWith([])
        const { code, issues } = await releaseOf(product, "2.0.0", fields)
        expect([code, issues[0].path]).toEqual([expect.stringMatching(/^(field|policy)_invalid$|^reference_unknown$/), path])
    })

    test.each(["", "3f2a91c", "https://example.com/commit/3f2a91c"])("commit %s", async commit => {
        expect((await releaseOf(await productWith([]), "2.0.0", { commit })).commit).toBe(commit)
    })

    test("requirement, cloud and Ioto's limit on its own rollout", async () => {
        const product = await productWith(["a", "b", "c"])
        await deviceOf(product, "e", { cloud: "eu" })
        const ranged = await releaseOf(product, "2.0.0", { requirement: ">=1.1.0" })
        expect([await checkin(`${product}-a`, "1.0.0"), await failing(`${product}-a`, ranged.id)]).toEqual([{}, "requirement"])
        const eu = await releaseOf(product, "3.0.0", { cloud: "eu" })
        expect((await checkin(`${product}-e`)).version).toBe("3.0.0")
        await checkin(`${product}-b`)
        expect(await failing(`${product}-b`, eu.id)).toBe("cloud")
        await cloud.api("PATCH", `/releases/${eu.id}`, { enabled: false })
        const knobs = { limits: { devicesMax: 1 }, where: "!(id $= 'a')" }
        const { rollouts } = await releaseOf(product, "4.0.0", { knobs })
        expect((await cloud.api("GET", `/rollouts/${rollouts[0]}`)).body.knobs).toMatchObject({
            override: true,
            where: knobs.where,
        })
        const given = [await checkin(`${product}-a`), await checkin(`${product}-b`), await checkin(`${product}-c`)]
        expect(given.map(({ version }) => version)).toEqual([undefined, "4.0.0", undefined])
    })
})

test("verification first: others start when one device has done it, and not when it has failed", async () => {
    for (const success of [false, true]) {
        const product = await productWith(["a", "b"])
        const [a, b] = [`${product}-a`, `${product}-b`] as const
        for (const id of [a, b]) await checkin(id)
        const release = await releaseOf(product, "2.0.0", { needsVerification: true, scope: null })
        const order = async (ids: string[], knobs: object): Promise<string> => {
            const draft = { release: release.id, scope: { kind: "devices", ids }, knobs }
            return (await cloud.api("POST", "/rollouts", draft)).body.id
        }
        const state = async (id: string): Promise<string> => (await cloud.api("GET", `/rollouts/${id}`)).body.state
        const others = await order([b], {})
        await cloud.settle()
        expect([await state(others), await checkin(b)]).toEqual(["scheduled", {}])
        const proof = await order([a], { verification: true })
        await cloud.settle()
        const { update } = await checkin(a)
        await send("updateReport", a, { update, success, ...(success ? { version: "2.0.0" } : { status: -34 }) })
        // The first round ends the verification, the second starts what waited for it.
        await cloud.settle()
        await cloud.settle()
        expect([await state(proof), await state(others)]).toEqual(["finished", success ? "running" : "scheduled"])
        const { verifiedAt } = (await cloud.api("GET", `/releases/${release.id}`)).body
        expect([verifiedAt !== null, (await checkin(b)).version]).toEqual([success, success ? "2.0.0" : undefined])
    }
})

test("deleted only while no device was offered it; every change is in the audit log", async () => {
    const product = await productWith(["a"])
    const [unused, used] = [await releaseOf(product, "2.0.0"), await releaseOf(product, "3.0.0")]
    expect((await checkin(`${product}-a`)).version).toBe("3.0.0")
    expect((await cloud.api("DELETE", `/releases/${used.id}`)).body.code).toBe("release_in_use")
    await cloud.api("PATCH", `/releases/${used.id}`, { description: "kept" })
    expect((await cloud.api("DELETE", `/releases/${unused.id}`)).status).toBe(204)
    const { items } = (await cloud.api("GET", "/audit?limit=500")).body
    const told = items.filter(({ data }: Json) => [used.id, unused.id].includes(data.release)).map(({ type }: Json) => type)
    expect(told).toEqual(expect.arrayContaining(["release.created", "release.changed", "release.deleted"]))
})

test("modules have versions of their own; a device without the module does not get it", async () => {
    const product = await productWith(["a", "b"], { modules: ["default", "mcu"] })
    const [a, b] = [`${product}-a`, `${product}-b`] as const
    const release = await releaseOf(product, "5.0.0", { module: "mcu", scope: null })
    await checkin(a, "1.0.0", { versions: { mcu: "4.0.0" } })
    await checkin(b, "1.0.0")
    expect((await cloud.api("GET", `/devices/${a}`)).body).toMatchObject({ version: "1.0.0", versions: { mcu: "4.0.0" } })
    const knobs = { sourceVersions: ["4.0.0"], tags: { line: "7" } }
    const order = { release: release.id, mode: "continuous", scope: { kind: "all" }, knobs, confirmAll: true }
    expect((await cloud.api("POST", "/rollouts", order)).status).toBe(201)
    expect([await checkin(b), await failing(b, release.id)]).toEqual([{}, "module"])
    const offer = await checkin(a)
    expect(offer).toMatchObject({ version: "5.0.0", module: "mcu", tags: { line: "7" } })
    await send("updateReport", a, { update: offer.update, success: true, versions: { mcu: "5.0.0" } })
    expect((await cloud.api("GET", `/tasks?device=${a}`)).body.items[0].state).toBe("succeeded")
    expect((await cloud.api("GET", `/devices/${a}`)).body).toMatchObject({ version: "1.0.0", versions: { mcu: "5.0.0" } })
    const wrong = [{ versions: { "a b": "1" } }, { versions: { mcu: "" } }, { versions: { mcu: 1 } }]
    for (const body of wrong) {
        const answer = await cloud.device("/tok/provision/update", `bearer ${tokens.get(a)}`, {
            id: a,
            version: "1.0.0",
            ...body,
        })
        expect([answer.status, answer.body.code]).toEqual([422, "field_invalid"])
    }
})

test("the reported state comes with check-ins, a name at a time, and is shown", async () => {
    const product = await productWith(["a"])
    const id = `${product}-a`
    const shadow = async (): Promise<Json> => (await cloud.api("GET", `/devices/${id}`)).body
    await cloud.api("PATCH", `/devices/${id}`, { desired: { led: false } })
    await checkin(id, "1.0.0", { reported: { led: true, level: 3 } })
    await checkin(id, "1.0.0", { reported: { level: null, name: "x" } })
    await checkin(id)
    expect(await shadow()).toMatchObject({ reported: { led: true, name: "x" }, desired: { led: false } })
    expect((await shadow()).attributes).toEqual({})
    await checkin(id, "1.0.0", { reported: "a property like any other" })
    expect((await shadow()).attributes).toEqual({ reported: "a property like any other" })
})

test("tags, region and cloud are names in policies and conditions; what a device says of them counts where nobody set them", async () => {
    const product = await productWith(["a", "b"])
    const [a, b] = [`${product}-a`, `${product}-b`] as const
    await cloud.api("PATCH", `/devices/${a}`, { tags: ["beta"], region: "north" })
    const release = await releaseOf(product, "2.0.0", { policy: "tags >< 'beta' && region == 'north' && cloud == 'default'" })
    expect([(await checkin(a)).version, await checkin(b), await failing(b, release.id)]).toEqual(["2.0.0", {}, "policy"])
    expect((await checkin(b, "1.0.0", { tags: ["beta"], region: "north" })).version).toBe("2.0.0")
    expect(await checkin(a, "1.0.0", { region: "south" })).toMatchObject({ version: "2.0.0" })
})

test("newly reported versions only: a device that first speaks after the rollout was made counts, one from before does not", async () => {
    const product = await productWith(["old", "silent"])
    await checkin(`${product}-old`)
    cloud.advance(2)
    const release = await releaseOf(product, "2.0.0", { scope: null })
    const knobs = { sourceVersions: ["1.0.0", "1.1.0"], newReportsOnly: true }
    await cloud.api("POST", "/rollouts", {
        release: release.id,
        mode: "continuous",
        scope: { kind: "all" },
        knobs,
        confirmAll: true,
    })
    cloud.advance(2)
    expect(await checkin(`${product}-old`)).toEqual({})
    expect(await failing(`${product}-old`, release.id)).toBe("new-reports")
    expect((await checkin(`${product}-silent`)).version).toBe("2.0.0")
    expect((await checkin(`${product}-old`, "1.1.0")).version).toBe("2.0.0")
    const registered = await cloud.device("/device/register", `bearer ${product}`, { id: `${product}-new`, version: "1.0.0" })
    tokens.set(`${product}-new`, registered.body.token)
    expect((await checkin(`${product}-new`)).version).toBe("2.0.0")
})
