// The demo from its first image to the comparison at the end: a good release for all boards, a bad one for a few.

import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { packFolder } from "../../../build/pack"
import { projectRoot } from "../../../build/root"
import type { Device, Release, Task } from "../api-types"
import type { EngineName } from "../../board/board-folder"
import { CliError } from "../cli-error"
import type { Client } from "../client"
import { ENGINE_MAKES, type Make } from "../commands/board-engines"
import type { Progress } from "../progress"
import { demoBar, demoNews, type DemoBoard } from "./board-model"
import { createFleet, type Fleet, type FleetPlan } from "./fleet"
import type { Observed } from "./result"

/** What a demo runs with. */
export interface DemoPlan {
    /** Folder for the boards. */
    readonly folder: string
    readonly boards: number
    readonly client: Client
    readonly progress: Progress
    /** Ends the demo early. */
    readonly stop: AbortSignal
    /** Hears of the fleet as soon as there is one: who started the demo stops it, however the demo ends. */
    onFleet(this: void, fleet: Fleet): void
}

/** The three images of the demo. */
export interface DemoImages {
    /** Makes a board with the loader of its engine. */
    readonly make: Make
    readonly first: Uint8Array
    readonly good: Uint8Array
    readonly bad: Uint8Array
}

/** Product of the demo's boards. */
export const DEMO_PRODUCT = "thermostat"
const FIRST = "1.0.0"
const GOOD = "1.1.0"
const BAD = "1.2.0"
/** Boards that get the bad release. */
const LISTED_MAX = 5
const POLL_MS = 250
/** Longest wait for any one step in s: a base, and a share for each board, which all want the same processor. */
const STEP_S_MAX = 60
const STEP_S_PER_BOARD = 1
/** Longest wait for a sign of life of every board at the end. */
const ALIVE_S_MAX = 20

/** Target that an engine's boards take images for. */
const TARGET_OF = { host: "host", lua: "nodemcu", espruino: "espruino" } as const

/** Packs the images that the demo needs, for the boards of an engine. Throws PackError. */
export async function packDemo(engine: EngineName): Promise<DemoImages> {
    const pack = async (name: string, version?: string): Promise<Uint8Array> => {
        const overrides = { target: TARGET_OF[engine], ...(version !== undefined && { version }) }
        return (await packFolder(join(projectRoot(), "host/cli/demo", name), { overrides })).bytes
    }
    const images = [pack("app"), pack("app", GOOD), pack("hanging-app")] as const
    const [make, first, good, bad] = await Promise.all([ENGINE_MAKES[engine]!(), ...images])
    return { make, first, good, bad }
}

/** How far a step is. */
interface Step {
    readonly done: number
    readonly of: number
}

interface DemoRun extends DemoPlan {
    readonly fleet: Fleet
}

function checkBoards(fleet: Fleet): void {
    const broken = fleet.boards().find(({ failure }) => failure !== "")
    if (broken === undefined) return
    throw new CliError(
        "CLI_DEMO_BOARD",
        `${broken.id} cannot be run: ${broken.failure}`,
        "see the entry of the code in docs/errors.md",
    )
}

/** Waits until `look` says that all is done. Throws CLI_DEMO_TIMEOUT, CLI_DEMO_BOARD; AbortError when the demo is stopped. */
async function waitFor({ fleet, progress, stop, boards }: DemoRun, what: string, look: () => Promise<Step>): Promise<void> {
    const limitS = STEP_S_MAX + boards * STEP_S_PER_BOARD
    const endMs = performance.now() + limitS * 1000
    for (;;) {
        checkBoards(fleet)
        const { done, of } = await look()
        progress.detail(`${done} of ${of}`)
        if (done === of) return
        if (performance.now() > endMs) {
            const message = `not within ${limitS} s: ${what}; ${done} of ${of} did`
            throw new CliError("CLI_DEMO_TIMEOUT", message, "try with fewer boards (--boards), or on a machine that is less busy")
        }
        await sleep(POLL_MS, undefined, { signal: stop })
    }
}

function stepOf<Item>(items: readonly Item[], isDone: (item: Item) => boolean): Step {
    return { done: items.filter(isDone).length, of: items.length }
}

const listDevices = ({ client }: DemoPlan): Promise<Device[]> => client.list<Device>("/devices", { product: DEMO_PRODUCT })
const listTasks = ({ client }: DemoPlan, release: string): Promise<Task[]> => client.list<Task>("/tasks", { release })

async function firstContact(run: DemoRun): Promise<void> {
    run.progress.title(`${run.boards} boards start at ${FIRST}, register and check in`)
    run.fleet.start()
    await waitFor(run, `all boards check in with ${FIRST}`, async () => {
        const devices = await listDevices(run)
        const isIn = ({ id, checkins }: DemoBoard): boolean =>
            checkins > 0 && devices.some(device => device.id === id && device.version === FIRST && device.lastSeenAt !== null)
        return stepOf(run.fleet.boards(), isIn)
    })
}

async function publish({ client }: DemoPlan, image: Uint8Array, description: string, ids?: readonly string[]): Promise<string> {
    const { sha256: artifact } = await client.upload(image)
    const scope = ids === undefined ? { kind: "all" } : { kind: "devices", ids }
    const { id } = await client.call<Release>("POST", "/releases", { product: DEMO_PRODUCT, artifact, description, scope })
    return id
}

/** Waits until every task of a release has ended, well or not, and the boards have settled. */
async function settle(run: DemoRun, release: string, what: string, ids: readonly string[]): Promise<void> {
    await waitFor(run, what, async () => {
        const tasks = await listTasks(run, release)
        const isOver = ({ id, state }: DemoBoard): boolean =>
            state === "running" &&
            tasks.some(task => task.device === id && ["succeeded", "failed", "canceled"].includes(task.state))
        const boards = run.fleet.boards().filter(({ id }) => ids.includes(id))
        return stepOf(boards, isOver)
    })
}

/** Ids of the boards from which no further check-in comes. */
async function findSilent(run: DemoRun): Promise<string[]> {
    run.progress.title("every board shows that it is alive")
    const before = new Map(run.fleet.boards().map(({ id, checkins }) => [id, checkins]))
    const isAlive = ({ id, state, checkins }: DemoBoard): boolean => state === "running" && checkins > before.get(id)!
    const endMs = performance.now() + ALIVE_S_MAX * 1000
    for (;;) {
        const silent = run.fleet.boards().filter(board => !isAlive(board))
        run.progress.detail(`${run.boards - silent.length} of ${run.boards}`)
        if (silent.length === 0 || performance.now() > endMs) return silent.map(({ id }) => id)
        await sleep(POLL_MS, undefined, { signal: run.stop })
    }
}

async function runReleases(run: DemoRun, images: DemoImages): Promise<Omit<Observed, "seconds">> {
    const ids = run.fleet.boards().map(({ id }) => id)
    await firstContact(run)
    run.progress.title(`release ${GOOD} goes to all ${run.boards} boards`)
    const good = await publish(run, images.good, "Demo: a good release")
    await settle(run, good, `all boards take ${GOOD}`, ids)
    const listed = ids.slice(0, LISTED_MAX)
    run.progress.title(`release ${BAD}, which hangs, goes to ${listed.length} boards, which roll back`)
    const bad = await publish(run, images.bad, "Demo: a release that hangs", listed)
    await settle(run, bad, `the boards with ${BAD} go back`, listed)
    const silent = await findSilent(run)
    run.progress.title("done")
    const devices = await listDevices(run)
    const [goodTasks, badTasks] = [await listTasks(run, good), await listTasks(run, bad)]
    return { boards: run.fleet.boards(), devices, goodTasks, badTasks, version: GOOD, listed, silent }
}

/**
 * Runs the demo against a cloud that is empty. Resolves with what was observed; boards and cloud run on.
 * Errors: CliError, ApiError, PackError, BoardError; AbortError when it is stopped.
 */
export async function runDemo(plan: DemoPlan, images: DemoImages): Promise<Omit<Observed, "seconds">> {
    const { folder, boards: count, client, progress } = plan
    await client.call("POST", "/products", { id: DEMO_PRODUCT })
    const order = { product: DEMO_PRODUCT, cloud: client.url, make: images.make, image: images.first, version: FIRST }
    const onChange: FleetPlan["onChange"] = (boards, before, after) => {
        const news = demoNews(before, after)
        if (news !== "") progress.note(news, true)
        progress.bars(boards.map(demoBar))
    }
    const fleet = await createFleet({ ...order, folder, count, onChange }, plan.stop)
    plan.onFleet(fleet)
    return runReleases({ ...plan, fleet }, images)
}
