// Plays a scenario file with real cloud processes on one database: devices live by HTTP, the clock of all is turned by the play.

import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import JSON5 from "json5"
import { projectRoot } from "../../build/root"
import type { Knobs, RolloutMode } from "../../host/cloud/domain/rollout"
import { imageOf, temporaryFolder, type Json } from "../api/cloud-fixture"
import { startCloudProcess, type CloudProcess } from "./cloud-process"

/** A scenario file. */
export interface Scenario {
    devices: number
    minutes: number
    tickS: number
    checkinS: number
    /** Whether the devices check in all at once, or one after the other. */
    atOnce: boolean
    /** Last digits of the devices that fail, that fail once, and that never answer an offer of version 1.1.0. */
    fails: number[]
    failsOnce: number[]
    silent: number[]
    rollouts: { atS: number; version: string; mode: RolloutMode; knobs: Partial<Knobs> }[]
}

/** What a play left behind. */
export interface Played {
    /** Events of each device, and of the rollouts under "", in their order, without ids. */
    events: Map<string, string[]>
    /** Number of events by type. */
    totals: Map<string, number>
    rollouts: string[]
    /** Last state of every task by the events alone, and as it is kept. */
    replayed: Map<string, string>
    kept: Map<string, string>
}

/** A device: it runs a version, and has seen tasks. */
interface Actor {
    id: string
    token: string
    digit: number
    version: string
    tasks: string[]
}

const START_MS = Date.UTC(2030, 0, 1)
const STATUS = -42
const PAGE_ITEMS = 500

/** Reads a scenario file of this folder. */
export function readScenario(name: string): Scenario {
    return JSON5.parse(readFileSync(join(projectRoot(), "test/scenarios", `${name}.json5`), "utf8"))
}

async function post(cloud: CloudProcess, { id, token }: Actor, path: string, body: object): Promise<Json> {
    const headers = { Authorization: `bearer ${token}`, "Content-Type": "application/json" }
    const answer = await fetch(cloud.url + path, { method: "POST", headers, body: JSON.stringify({ id, ...body }) })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
}

/** One check-in, and what the device's number says of the update that it brings. */
async function live(scenario: Scenario, cloud: CloudProcess, actor: Actor): Promise<void> {
    const { update, version } = await post(cloud, actor, "/tok/provision/update", { version: actor.version })
    if (update === undefined || scenario.silent.includes(actor.digit)) return
    const isRepeated = actor.tasks.includes(update)
    actor.tasks.push(update)
    if (isRepeated) return
    const isFirst = scenario.failsOnce.includes(actor.digit) && actor.tasks.length === 1
    const isBad = version === "1.1.0" && (scenario.fails.includes(actor.digit) || isFirst)
    const said = isBad ? { success: false, status: STATUS, message: "bad image" } : { success: true }
    await post(cloud, actor, "/tok/provision/updateReport", { ...said, update, version: actor.version })
    if (!isBad) actor.version = version
}

/** All check-ins of one moment, each at another process than the one before. */
async function allCheckIn(scenario: Scenario, clouds: CloudProcess[], actors: Actor[], turn: number): Promise<void> {
    const at = (index: number): CloudProcess => clouds[(index + turn) % clouds.length] as CloudProcess
    if (scenario.atOnce) return void (await Promise.all(actors.map((actor, index) => live(scenario, at(index), actor))))
    for (const [index, actor] of actors.entries()) await live(scenario, at(index), actor)
}

/** All processes tick at once, until none of them has more to do. */
async function tickAll(clouds: CloudProcess[]): Promise<void> {
    for (let isLeft = true; isLeft;) {
        const answers = await Promise.all(clouds.map(cloud => cloud.tell("tick")))
        isLeft = answers.some(answer => answer.isLeft)
    }
}

async function addRollout(cloud: CloudProcess, { version, mode, knobs }: Scenario["rollouts"][number]): Promise<void> {
    const { sha256 } = await cloud.api("POST", "/artifacts", imageOf(version), "application/zip")
    const release = await cloud.api("POST", "/releases", { product: "p", artifact: sha256, scope: null })
    await cloud.api("POST", "/rollouts", {
        release: release.id,
        name: version,
        mode,
        scope: { kind: "all" },
        knobs,
        confirmAll: true,
    })
}

async function playOn(scenario: Scenario, clouds: CloudProcess[]): Promise<void> {
    const first = clouds[0] as CloudProcess
    await first.api("POST", "/products", { id: "p" })
    const actors: Actor[] = []
    for (let digit = 0; digit < scenario.devices; digit += 1) {
        const id = `d${String(digit).padStart(3, "0")}`
        const { token } = await first.api("POST", "/devices", { id, product: "p", version: "1.0.0" })
        actors.push({ id, token, digit: digit % 10, version: "1.0.0", tasks: [] })
    }
    for (let second = 0, turn = 0; second < scenario.minutes * 60; second += scenario.tickS, turn += 1) {
        await Promise.all(clouds.map(cloud => cloud.tell("clock", START_MS + second * 1000)))
        for (const rollout of scenario.rollouts.filter(({ atS }) => atS === second)) await addRollout(first, rollout)
        await tickAll(clouds)
        if (second % scenario.checkinS === 0) await allCheckIn(scenario, clouds, actors, turn)
    }
}

/** All pages of a list; a list of events has a next page for ever. */
async function all(cloud: CloudProcess, path: string): Promise<Json[]> {
    const items: Json[] = []
    for (let cursor = "", isLast = false; !isLast;) {
        const page: Json = await cloud.api("GET", `${path}?limit=${PAGE_ITEMS}${cursor}`)
        items.push(...page.items)
        cursor = `&cursor=${encodeURIComponent(page.next ?? "")}`
        isLast = page.items.length < PAGE_ITEMS
    }
    return items
}

/** An event as anybody sees it: without ids. */
function told({ at, type, data }: Json, names: Map<string, string>): string {
    const { task: _task, rollout, release: _release, reason = "", ...rest } = data
    const name = names.get(rollout) ?? ""
    return JSON.stringify([
        at,
        type,
        name,
        { ...rest, reason: String(reason).replace(/[0-9A-Z]{26}/g, id => names.get(id) ?? "?") },
    ])
}

async function lookAt(cloud: CloudProcess): Promise<Played> {
    const rollouts = await all(cloud, "/rollouts")
    const names = new Map<string, string>(rollouts.map(({ id, name }) => [id, `rollout ${name}`]))
    const played: Played = { events: new Map(), totals: new Map(), rollouts: [], replayed: new Map(), kept: new Map() }
    played.rollouts = rollouts.map(({ name, state, outcome, counts }) => JSON.stringify({ name, state, outcome, counts }))
    for (const event of await all(cloud, "/events")) {
        const { type, data } = event
        if (!/^(task|rollout|device)\./.test(type)) continue
        played.totals.set(type, (played.totals.get(type) ?? 0) + 1)
        const place = event.device ?? ""
        played.events.set(place, [...(played.events.get(place) ?? []), told(event, names)])
        if (type.startsWith("task.")) played.replayed.set(data.task, `${type.slice(5)} ${data.attempt} ${data.version}`)
    }
    for (const { id, state, attempt, version } of await all(cloud, "/tasks"))
        played.kept.set(id, `${state} ${attempt} ${version}`)
    return played
}

/** Plays a scenario with so many cloud processes; the first one owns the database. */
export async function play(scenario: Scenario, processes: number): Promise<Played> {
    const dataDirs = Array.from({ length: processes }, () => temporaryFolder())
    const clouds: CloudProcess[] = []
    try {
        for (const dataDir of dataDirs) {
            const databaseUrl = clouds[0]?.databaseUrl
            const shared = databaseUrl === undefined ? {} : { databaseUrl }
            clouds.push(await startCloudProcess({ dataDir, ...shared, ticks: false, clockMs: START_MS }))
        }
        await playOn(scenario, clouds)
        return await lookAt(clouds[0] as CloudProcess)
    } finally {
        for (const cloud of clouds.reverse()) await cloud.close().catch(() => undefined)
        for (const dataDir of dataDirs) rmSync(dataDir, { recursive: true, force: true })
    }
}
