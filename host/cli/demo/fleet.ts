// The demo's boards: made as in a factory, each in a process of its own with its supervisor.

import { join } from "node:path"
import { createSupervisor } from "../../board/supervisor"
import type { Make } from "../commands/board-engines"
import { demoBoardFirst, demoBoardNext, type DemoBoard } from "./board-model"

/** Boards that run together. */
export interface Fleet {
    /** What each board told of itself so far, in the order of their ids. */
    boards(this: void): readonly DemoBoard[]
    /** Switches all of them on. */
    start(this: void): void
    /** Switches all of them off; resolves when their processes are gone. */
    stop(this: void): Promise<void>
}

/** What a fleet is made of. */
export interface FleetPlan {
    /** Folder with one folder for each board. */
    readonly folder: string
    /** 1–BOARDS_MAX. */
    readonly count: number
    readonly product: string
    /** Base URL of the cloud where they register. */
    readonly cloud: string
    readonly make: Make
    /** First image and its version. */
    readonly image: Uint8Array
    readonly version: string
    /** A board told something: all boards, and that one before and after. */
    onChange(this: void, boards: readonly DemoBoard[], before: DemoBoard, after: DemoBoard): void
}

/** Most boards of a demo: each is a process. */
export const BOARDS_MAX = 100
/**
 * An image that hangs is found out sooner than the ten seconds that the firmware asks for: a demo has no time to lose. The agent
 * feeds every three seconds (firmware/constants.ts), so a busy machine has two seconds to spare.
 */
const WATCHDOG_MS_MAX = 4500
const WATCHDOG_GRACE_MS = 500

const MODELS = ["T-100", "T-200", "T-300"]
const REGIONS = ["eu-west", "us-east", "ap-south", "sa-east"]

/** Properties that differ from board to board. */
function attributesOf(index: number): Record<string, string | number> {
    return {
        model: MODELS[index % MODELS.length],
        region: REGIONS[index % REGIONS.length],
        floor: (index % 7) + 1,
        serial: 1000 + index,
    }
}

function aboutOf(index: number): string {
    const { model, region } = attributesOf(index)
    return `${model} ${region}`
}

/**
 * Makes the boards, switched off. Between two of them others get a turn, so that a wish to stop is heard. Errors: BoardError; the
 * signal's reason when it aborts.
 */
export async function createFleet(plan: FleetPlan, stop: AbortSignal): Promise<Fleet> {
    const { count, product, cloud, make, image, version } = plan
    const digits = Math.max(String(count).length, 2)
    const ids = Array.from({ length: count }, (_, index) => `board-${String(index + 1).padStart(digits, "0")}`)
    const boards = new Map(ids.map((id, index) => [id, demoBoardFirst(id, aboutOf(index), version)]))
    for (const [index, id] of ids.entries()) {
        const identity = { id, product, cloud, attributes: attributesOf(index) }
        await make(join(plan.folder, id), { identity, image })
        await new Promise(resolve => setImmediate(resolve))
        stop.throwIfAborted()
    }
    const supervisors = ids.map(id =>
        createSupervisor({
            folder: join(plan.folder, id),
            graceMs: WATCHDOG_GRACE_MS,
            watchdogMsMax: WATCHDOG_MS_MAX,
            stderr: "ignore",
            onMessage(message) {
                const before = boards.get(id)!
                const after = demoBoardNext(before, message)
                boards.set(id, after)
                if (after !== before) plan.onChange([...boards.values()], before, after)
            },
        }),
    )
    return {
        boards: () => [...boards.values()],
        start: () => supervisors.forEach(supervisor => supervisor.start()),
        stop: async () => void (await Promise.all(supervisors.map(supervisor => supervisor.stop()))),
    }
}
