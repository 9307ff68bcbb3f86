// What is known of one board of the demo, gathered from what the board itself tells.

import type { BoardMessage } from "../../board/messages"
import type { Bar } from "../progress"

/** A board as its own messages describe it. */
export interface DemoBoard {
    readonly id: string
    /** What sets it apart, in a few words. */
    readonly about: string
    readonly state: "off" | "starting" | "running" | "downloading" | "restarting" | "trial"
    /** Version that runs; "" until it told. */
    readonly version: string
    /** Version that was committed last. */
    readonly committed: string
    /** Version of an update that is ready; "" when there is none. */
    readonly next: string
    /** Of a download, 0–100; -1 when there is none. */
    readonly percent: number
    /** Versions that it committed, the first installation apart. */
    readonly commits: readonly string[]
    readonly rollbacks: number
    readonly watchdogResets: number
    /** Check-ins that reached the cloud. */
    readonly checkins: number
    /** Why it cannot be run at all; "" as a rule. */
    readonly failure: string
}

/** A board that was made with an image of `version` and is still off. */
export function demoBoardFirst(id: string, about: string, version: string): DemoBoard {
    const counts = { rollbacks: 0, watchdogResets: 0, checkins: 0 }
    return {
        id,
        about,
        state: "off",
        version: "",
        committed: version,
        next: "",
        percent: -1,
        commits: [],
        ...counts,
        failure: "",
    }
}

function afterEvent(board: DemoBoard, name: string, value: string | number): DemoBoard {
    const { version, committed, commits } = board
    switch (name) {
        case "version":
            return { ...board, version: String(value), state: value === committed ? "running" : "trial" }
        case "device:checkin":
            return { ...board, checkins: board.checkins + 1 }
        case "device:progress":
            return { ...board, state: "downloading", percent: Number(value) }
        case "device:update":
            return { ...board, next: String(value) }
        case "device:commit":
            return { ...board, state: "running", committed: version, commits: [...commits, version], percent: -1, next: "" }
        case "device:rollback":
            return { ...board, rollbacks: board.rollbacks + 1, percent: -1, next: "" }
        case "device:error":
            return { ...board, state: "running", percent: -1 }
        default:
            return board
    }
}

/** The board after one more message. */
export function demoBoardNext(board: DemoBoard, message: BoardMessage): DemoBoard {
    switch (message.kind) {
        case "power":
            return { ...board, state: message.isOn ? "starting" : "off" }
        case "boot": {
            const watchdogResets = board.watchdogResets + (message.cause === "watchdog" ? 1 : 0)
            return { ...board, state: "starting", watchdogResets }
        }
        case "reset":
            return { ...board, state: "restarting" }
        case "event":
            return afterEvent(board, message.name, message.value)
        case "failed":
            return { ...board, state: "off", failure: `${message.code}: ${message.message}` }
        default:
            return board
    }
}

/** Whether it went back from an image, and none newer has been tried since. */
function cameBack(board: DemoBoard): boolean {
    return board.rollbacks > 0 && board.next === "" && board.version === board.committed
}

/** The bar that shows a board. */
export function demoBar(board: DemoBoard): Bar {
    const { id, about, version, committed, next, commits, percent, watchdogResets } = board
    const before = next === "" || next === version ? version || committed : `${committed} → ${next}`
    const line = (after: string, tone: Bar["tone"], shown = percent): Bar => ({
        label: id,
        about,
        before,
        percent: shown,
        after,
        tone,
    })
    const isHung = watchdogResets > 0
    if (board.failure !== "") return line("cannot run", "bad", -1)
    if (board.state === "downloading") return line(`${percent} %`, "busy")
    if (next !== "" && isHung) return line(`hangs, watchdog reset ${watchdogResets}`, "bad", 100)
    if (next !== "") return line(board.state === "trial" ? "on trial" : "restarting", "busy", 100)
    if (cameBack(board)) return line("rolled back", "bad", 100)
    if (board.state === "off") return line("off", "plain", -1)
    return commits.length > 0 ? line("committed", "good", 100) : line(board.checkins > 0 ? "in touch" : "starting", "plain", -1)
}

/** What is worth a line where there are no bars; "" for the rest. */
export function demoNews(before: DemoBoard, after: DemoBoard): string {
    if (after.failure !== before.failure) return `${after.id}: ${after.failure}`
    if (after.commits.length > before.commits.length) return `${after.id}: ${after.version} committed`
    if (after.watchdogResets > before.watchdogResets) return `${after.id}: reset by the watchdog`
    if (after.rollbacks > before.rollbacks) return `${after.id}: rolled back to ${after.version}`
    return ""
}
