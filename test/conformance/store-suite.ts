// What every database under the store must do: the same suite runs on the embedded one and on one of the system.

import { COUNTS_NEW, PACE_NEW } from "../../host/cloud/domain/pace"
import { KNOBS_DEFAULT, type Scope } from "../../host/cloud/domain/rollout"
import { Problem } from "../../host/cloud/problems"
import { DEVICE_NEW } from "../../host/cloud/services/facts"
import { openPostgres } from "../../host/cloud/store/postgres"
import type { DeviceRow, EventDraft, ReleaseRow, RolloutListed, RolloutRow, Store, TaskRow } from "../../host/cloud/store/store"

const AT = new Date("2026-01-02T03:04:05.678Z")
const T = "default"
const ALL = { after: null, limit: 100 }
const SHA = "ab".repeat(32)

/** A device with nothing special about it. */
function deviceRow(id: string, changes: Partial<DeviceRow> = {}): DeviceRow {
    const token = { tokenHash: null, tokenHolder: null, tokenUsed: false } as const
    const base = { tenant: T, id, product: "p", cloud: "default", attributes: {}, version: "1.0.0", ...DEVICE_NEW, ...token }
    return { ...base, claimed: true, createdAt: AT, lastSeenAt: null, ...changes }
}

function releaseRow(id: string): ReleaseRow {
    const texts = { policy: "", requirement: "", description: "", commit: "" }
    const base = { tenant: T, id, product: "p", module: "default", cloud: "", version: "2.0.0", ...texts, enabled: true }
    return { ...base, artifact: SHA, needsVerification: false, verifiedAt: null, revision: 1, createdAt: AT }
}

function rolloutRow(id: string, scope: Scope, changes: Partial<RolloutRow> = {}): RolloutRow {
    const life = { state: "running" as const, outcome: null, reason: "", createdBy: "t", createdByPerson: "", revision: 1 }
    const times = {
        createdAt: AT,
        stateAt: AT,
        startedAt: AT,
        endedAt: null,
        total: null,
        snapshotAfter: null,
        snapshotDone: true,
    }
    const base = {
        tenant: T,
        id,
        release: "r",
        name: "",
        mode: "continuous" as const,
        scope,
        knobs: KNOBS_DEFAULT,
        ...life,
        ...times,
    }
    return { ...base, approvals: [], cancelStates: [], ...changes }
}

function taskRow(id: string, device: string, changes: Partial<TaskRow> = {}): TaskRow {
    const base = {
        tenant: T,
        id,
        device,
        rollout: "o",
        module: "default",
        version: "2.0.0",
        source: "1.0.0",
        attempt: 1,
        reason: "",
    }
    const counts = { status: null, retries: 0, matches: 1, dueAtS: 0, offeredMs: null, resends: 0, progress: 0 }
    const life = { state: "queued" as const, deadlineMs: AT.getTime() + 1000, createdAt: AT, updatedAt: AT }
    return { ...base, ...counts, ...life, ...changes }
}

const event = (type: string, changes: Partial<EventDraft> = {}): EventDraft => {
    return { tenant: T, at: AT, type, device: null, data: { a: 1, b: null, c: "ü\n" }, actor: null, ...changes }
}

/** Stores a suite is run on. */
export interface StoreHome {
    url: string
    close(): Promise<void>
}

let home: StoreHome
let store: Store
/** Another process on the same database. */
let other: Store

function fleetTests(): void {
    test("products keep what they are; ids are unique; the credential is id or token", async () => {
        const { products } = store.tables
        const row = (await products.get(T, "p"))!
        expect(row).toMatchObject({ choice: "version", modules: ["default"], publicKeys: [], createdAt: AT })
        expect(await products.insert(row)).toBe(false)
        const changed = {
            ...row,
            name: "P2",
            publicKeys: ["k"],
            modules: ["default", "m"],
            tokenHash: Buffer.from("token"),
            registerById: false,
        }
        await products.update(changed)
        expect(await products.get(T, "p")).toEqual(changed)
        expect(await products.findByCredential("p", Buffer.from("no"))).toBeNull()
        expect((await products.findByCredential("none", Buffer.from("token")))?.id).toBe("p")
        expect((await products.list(T, { after: "p", limit: 5 })).map(({ id }) => id)).toEqual(["q"])
    })

    test("devices: made once, locked in order, seen, listed by page, sampled alike, removed with what hangs on them", async () => {
        const { devices } = store.tables
        const row = deviceRow("d1", {
            attributes: { a: [1, { b: null }], ä: "€" },
            tags: ["x"],
            region: "eu",
            reported: { on: true },
        })
        expect([await devices.insert(row), await devices.insert(row)]).toEqual([true, false])
        expect(await devices.get(T, "d1")).toEqual(row)
        expect(await devices.insertMany(row, ["d0", "d1", "d2"])).toEqual(["d0", "d2"])
        const locked = await store.transaction(tables => tables.devices.lock(["d2", "d0", "none"]))
        expect(locked.map(({ id }) => id)).toEqual(["d0", "d2"])
        const seen = {
            tenant: T,
            id: "d1",
            attributes: { n: 1 },
            version: "2.0.0",
            versions: { m: "1" },
            versionAt: AT,
            lastSeenAt: AT,
        }
        await devices.seen([seen])
        await devices.report({ ...row, reported: { on: false } })
        const after = { ...row, ...seen, reported: { on: false }, tokenUsed: true }
        expect(await devices.get(T, "d1")).toEqual(after)
        expect(await devices.missing(T, "p", ["d1", "dX"])).toEqual(["dX"])
        expect((await devices.list(T, "p", { after: "d0", limit: 1 })).map(({ id }) => id)).toEqual(["d1"])
        expect(await devices.sample("p", 1, 10)).toEqual(await other.tables.devices.sample("p", 1, 10))
        expect(await devices.sample("p", 1, 2)).toHaveLength(2)
        await devices.insert(deviceRow("gone"))
        expect([await devices.delete(T, "gone"), await devices.delete(T, "gone")]).toEqual([true, false])
    })
}

function rolloutTests(): void {
    test("rollouts: scopes, drafts, shares, candidates, paces and counts", async () => {
        const { rollouts } = store.tables
        await rollouts.insert(rolloutRow("o", { kind: "all" }))
        await rollouts.insert(rolloutRow("list", { kind: "devices" }, { state: "draft", startedAt: null }))
        for (const [id, scope] of [
            ["g", { kind: "groups", groups: ["grp"] }],
            ["t", { kind: "tags", tags: ["x"] }],
        ] as [string, Scope][])
            await rollouts.insert(rolloutRow(id, scope))
        expect([await rollouts.lockDraft(T, "list"), await rollouts.lockDraft(T, "o")]).toEqual(["p", null])
        expect(await rollouts.addDevices(T, "list", ["d0", "d1"])).toBe(2)
        expect(await rollouts.addDevices(T, "list", ["d1", "d2"])).toBe(1)
        const listed = (await rollouts.get(T, "list")) as RolloutListed
        expect(listed).toMatchObject({ count: 3, product: "p", version: "2.0.0", createdByPerson: "" })
        expect((await rollouts.scopeDevices(listed, { after: "d0", limit: 10 })).map(({ id }) => id)).toEqual(["d1", "d2"])
        const counted = (scope: Scope): Promise<number> => rollouts.scopeCount({ scope, product: "p", count: 0 })
        const found = [
            await counted({ kind: "all" }),
            await counted({ kind: "regions", regions: ["eu"] }),
            await counted({ kind: "tags", tags: ["x", "y"] }),
        ]
        expect(found).toEqual([3, 1, 1])
        const share = rolloutRow("share", { kind: "percent", percent: 67 })
        await rollouts.insert(share)
        await rollouts.listShare({ ...share, product: "p", module: "default", version: "2.0.0", count: 0 }, 2)
        expect((await rollouts.deviceIds("share", ALL)).length).toBe(2)
        expect((await rollouts.candidates(["p"])).find(one => one.rollout === "o")).toMatchObject({
            deltas: { "1.1.0": SHA },
            verified: true,
        })
        expect(await rollouts.openOfGroup(T, "grp")).toBe("g")
        await rollouts.updatePace("o", { ...PACE_NEW, credit: 7 })
        await rollouts.updateGate("o", { gate: 1, gatesApproved: 2 })
        const locked = await store.transaction(async tables => {
            const mine = await tables.rollouts.lock("o", true)
            return [mine, await other.transaction(theirs => theirs.rollouts.lock("o", true))]
        })
        expect(locked).toMatchObject([{ gate: 1, gatesApproved: 2, pace: { credit: 7 } }, null])
        await rollouts.addCounts(new Map([["o", { queued: 2, devices: 1 }]]))
        await other.tables.rollouts.addCounts(new Map([["o", { queued: -1, offered: 1 }]]))
        expect((await rollouts.counts(["o"])).get("o")).toEqual({ ...COUNTS_NEW, queued: 1, offered: 1, devices: 1 })
        await rollouts.update({
            ...rolloutRow("o", { kind: "all" }),
            state: "paused",
            approvals: ["a"],
            cancelStates: ["queued"],
        })
        expect(await rollouts.get(T, "o")).toMatchObject({
            state: "paused",
            revision: 2,
            approvals: ["a"],
            cancelStates: ["queued"],
        })
        expect(await rollouts.open()).toEqual(["g", "list", "o", "share", "t"])
    })
}

function taskTests(): void {
    test("tasks: one under way for a device and module; the last one is known; what is due is taken", async () => {
        const { tasks } = store.tables
        await tasks.insert([taskRow("t1", "d1"), taskRow("t2", "d2", { module: "m", dueAtS: AT.getTime() / 1000 + 100 })])
        await expect(tasks.insert([taskRow("t3", "d1", { attempt: 2 })])).rejects.toBeDefined()
        expect(await tasks.get(T, "d1", "t1")).toEqual(taskRow("t1", "d1"))
        const ended = taskRow("t1", "d1", { state: "failed", deadlineMs: null, status: -34, reason: "no", progress: 9 })
        await tasks.update([ended])
        await tasks.insert([taskRow("t3", "d1", { attempt: 2, retries: 1 })])
        expect((await tasks.latest(["d1"])).map(({ id }) => id)).toEqual(["t3"])
        expect((await tasks.active(["d1", "d2"])).map(({ id }) => id).sort()).toEqual(["t2", "t3"])
        expect((await tasks.list(T, { state: "failed" }, ALL)).map(({ id, release }) => [id, release])).toEqual([["t1", "r"]])
        const taken = await store.transaction(async tables => {
            const mine = await tables.tasks.takeQueued("o", AT, null, 10)
            return [mine, await other.transaction(theirs => theirs.tasks.takeQueued("o", AT, null, 10))]
        })
        expect(taken.map(rows => rows.map(({ id }) => id))).toEqual([["t3"], []])
        const overdue = await store.transaction(tables => tables.tasks.takeOverdue(new Date(AT.getTime() + 1001), 10))
        expect(overdue.map(({ id }) => id).sort()).toEqual(["t2", "t3"])
        expect([await tasks.existsOfRelease("r"), await tasks.existsOfRelease("none")]).toEqual([true, false])
    })

    test("groups and imports", async () => {
        const { groups, imports } = store.tables
        const group = {
            tenant: T,
            id: "grp",
            name: "G",
            kind: "listed" as const,
            where: "",
            groups: [],
            revision: 1,
            createdAt: AT,
        }
        expect([await groups.insert(group), await groups.insert(group)]).toEqual([true, false])
        expect(await groups.addDevices(T, "grp", ["d0", "d1", "nobody"])).toBe(2)
        expect([await groups.deviceCount(T, "grp"), await groups.removeDevices(T, "grp", ["d0"])]).toEqual([2, 1])
        expect(await store.tables.rollouts.grouped(["d1"])).toEqual([{ tenant: T, device: "d1", group: "grp" }])
        const counts = { total: 0, created: 0, existing: 0, invalid: 0 }
        const place = { product: "p", group: null, rollout: null }
        const row = {
            tenant: T,
            id: "i",
            ...place,
            state: "running" as const,
            ...counts,
            reason: "",
            createdAt: AT,
            updatedAt: AT,
        }
        await imports.insert(row)
        expect(await imports.addDevices(row, "default", ["d1", "new"])).toBe(1)
        expect(await imports.unknown(T, "p", ["d1", "no", "new"])).toEqual(["no"])
        await imports.addInvalid(row, [{ line: 3, name: "x y", reason: "blank" }])
        expect(await imports.invalid(T, "i", 2, 10)).toEqual([{ line: 3, name: "x y", reason: "blank" }])
        await imports.abandon(new Date(AT.getTime() + 1), "killed")
        expect(await imports.get(T, "i")).toMatchObject({ state: "failed", reason: "killed" })
    })
}

function eventTests(): void {
    test("events: only added, in the order of commits, and a reader waits for open transactions", async () => {
        const { events } = store.tables
        const actor = { token: "k", name: "n", person: "x", role: "admin" as const, address: "127.0.0.1" }
        const start = await events.end()
        await store.transaction(async tables => {
            await tables.events.append([event("first.began")])
            await other.tables.events.append([event("second.done", { actor, device: "d1" })])
            expect(await events.list(T, { type: null, device: null }, { after: start, limit: 10 })).toEqual([])
        })
        const read = await events.list(T, { type: null, device: null }, { after: start, limit: 10 })
        expect(read.map(({ type }) => type)).toEqual(["first.began", "second.done"])
        expect(read[1]).toMatchObject({ actor, data: { a: 1, b: null, c: "ü\n" }, at: AT })
        const [first] = read
        expect(await events.list(T, { type: null, device: null, audit: true }, { after: first!.cursor, limit: 10 })).toHaveLength(
            1,
        )
        expect(await events.list(T, { type: "second.done", device: "d1" }, { after: start, limit: 10 })).toHaveLength(1)
    })
}

function accessTests(): void {
    test("tokens, tenants, webhooks, repeated calls, settings", async () => {
        const { apiTokens, webhooks, repeatedCalls, settings, tenants, totals } = store.tables
        const grants = [{ tenant: T, role: "viewer" as const }]
        const token = {
            id: "k",
            tenant: T,
            role: "operator" as const,
            name: "n",
            owner: "ann",
            grants,
            createdAt: AT,
            expiresAt: AT,
            revokedAt: null,
        }
        await apiTokens.insert({ ...token, tokenHash: Buffer.from("h") })
        expect(await apiTokens.find(Buffer.from("h"))).toEqual(token)
        expect([await apiTokens.revoke(T, "k", AT), await apiTokens.revoke(T, "k", AT)]).toEqual([true, false])
        expect([await tenants.insert({ id: "u", name: "U", createdAt: AT }), (await tenants.get("u"))?.name]).toEqual([true, "U"])
        const life = { enabled: true, position: null, failures: 0, lastError: "", nextAt: AT, createdAt: AT }
        const hook = { tenant: T, id: "w", url: "https://example.com/", types: ["*"], description: "", ...life }
        await webhooks.insert(hook)
        expect(await webhooks.due(AT, 5)).toEqual([hook])
        const until = new Date(AT.getTime() + 1000)
        expect([await webhooks.take(hook, until), await other.tables.webhooks.take(hook, until)]).toEqual([true, false])
        const print = Buffer.from("f")
        expect([await repeatedCalls.claim("k", "key", print, AT), await repeatedCalls.claim("k", "key", print, AT)]).toEqual([
            true,
            false,
        ])
        await repeatedCalls.answer("k", "key", 201, Buffer.from("sealed"))
        expect(await repeatedCalls.get("k", "key")).toEqual({ fingerprint: print, status: 201, answer: Buffer.from("sealed") })
        expect([await settings.getOrPut("s", "1"), await other.tables.settings.getOrPut("s", "2")]).toEqual(["1", "1"])
        expect((await totals.count()).devices).toBeGreaterThanOrEqual(4)
    })
}

function transactionTests(): void {
    test("a transaction is all or nothing; those that meet are tried again", async () => {
        const { products } = store.tables
        const failed = store.transaction(async tables => {
            await tables.products.update({ ...(await tables.products.get(T, "q"))!, name: "half" })
            throw new Problem("internal", "on purpose")
        })
        await expect(failed).rejects.toMatchObject({ code: "internal" })
        expect((await products.get(T, "q"))?.name).toBe("P")
        // Each locks what the other wants next: the database ends one of them, the store runs it again.
        const cross = (one: string, two: string, by: Store): Promise<void> =>
            by.transaction(async tables => {
                for (const id of [one, two]) {
                    const row = (await tables.products.lock(T, id))!
                    await tables.products.update({ ...row, name: `${row.name}+` })
                    await new Promise(resolve => setTimeout(resolve, 50))
                }
            })
        await Promise.all([cross("p", "q", store), cross("q", "p", other)])
        expect((await products.get(T, "q"))?.name).toBe("P++")
    })
}

/** Runs the suite on a database that `open` brings up; once in a file. */
export function storeSuite(open: () => Promise<StoreHome>): void {
    beforeAll(async () => {
        home = await open()
        store = await openPostgres(home.url, () => undefined)
        // A second process migrates the same schema once more, which does nothing.
        other = await openPostgres(home.url, () => undefined)
        await store.ensureTenant(T, "default", AT)
        await store.ensureTenant(T, "default", AT)
        const rules = { autoClaim: true, registerById: true, signatureRequired: false }
        const product = { tenant: T, name: "P", ...rules, tokenHash: null, createdAt: AT }
        for (const id of ["p", "q"]) await store.tables.products.insert({ ...product, id })
        const manifest = { platform: "host", version: "2.0.0", build_id: "b", parts: {} }
        await store.tables.artifacts.insert({ tenant: T, sha256: SHA, sizeBytes: 10, manifest, createdAt: AT })
        await store.tables.releases.insert(releaseRow("r"), [
            { release: "r", tenant: T, kind: "delta", name: "1.1.0", artifact: SHA },
            { release: "r", tenant: T, kind: "file", name: "x", artifact: SHA },
        ])
    }, 60_000)
    afterAll(async () => {
        await other?.close()
        await store?.close()
        await home?.close()
    }, 30_000)

    fleetTests()
    rolloutTests()
    taskTests()
    eventTests()
    accessTests()
    transactionTests()
}
