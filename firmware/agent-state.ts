// What the agent keeps over restarts, in one small file: registration, last check-in, a report that waits, updates that failed or began.

import { isVisibleText } from "./bytes"
import { fileRead, fileWrite } from "./files"
import { CHECKIN_SAVED_EVERY_S, QUARANTINE_MAX, UPDATE_ID_BYTES_MAX } from "./constants"
import { ports } from "./ports"
import { propertiesOf, textIn, type Properties } from "./settings"
import { STATUS_OK } from "./status"

/** The outcome of an update, on its way to the cloud. */
export interface Report {
    /** The cloud's id of the update. */
    update: string
    /** STATUS_OK or what went wrong. */
    status: number
    /** One short line for people. */
    message: string
}

/** Everything that is kept. */
export interface AgentState {
    /** What registration answered: base URL, token and id; "" before. */
    api: string
    token: string
    id: string
    /** Unix time of the last check-in that reached the cloud, 0 = never. */
    lastS: number
    /** The outcome in the boot record that has been turned into a report: "<update> <status>". */
    reported: string
    /** Ids of updates that failed on this board, each followed by a blank; the oldest first. */
    failed: string
    /** The update that was last answered without being applied: it failed before, or is running already. */
    answered: string
    /** The update that was begun last and has not ended, the furthest byte that it was begun at, and in how many boots; "" = none. */
    begun: string
    /** The report that the cloud has not taken yet. */
    report?: Report
}

/** The file on the board. */
export const STATE_FILE = "agent.json"

let current: AgentState
let savedLastS = 0

function numberIn(properties: Properties, name: string): number {
    const value = properties[name]
    return typeof value === "number" && value % 1 === 0 ? value : 0
}

function reportIn(properties: Properties): Report | undefined {
    const kept = propertiesOf(properties["report"])
    if (!isVisibleText(kept["update"], UPDATE_ID_BYTES_MAX)) return undefined
    return { update: textIn(kept, "update"), status: numberIn(kept, "status"), message: textIn(kept, "message") }
}

/** Reads the file; a missing or unreadable one counts as a board that never ran before. */
export function stateLoad(): void {
    const text = fileRead(STATE_FILE)
    const kept = propertiesOf(text === undefined ? undefined : ports.json.parse(text))
    current = {
        api: textIn(kept, "api"),
        token: textIn(kept, "token"),
        id: textIn(kept, "id"),
        lastS: numberIn(kept, "lastS"),
        reported: textIn(kept, "reported"),
        failed: textIn(kept, "failed"),
        answered: textIn(kept, "answered"),
        begun: textIn(kept, "begun"),
        report: reportIn(kept),
    }
    savedLastS = current.lastS
}

/** The state; who changes it calls stateSave. */
export function state(): AgentState {
    return current
}

/** Writes the file. A failure is logged and no more: the agent goes on, and may repeat itself after the next restart. */
export function stateSave(): void {
    const status = fileWrite(STATE_FILE, ports.json.stringify(current))
    if (status === STATUS_OK) savedLastS = current.lastS
    else ports.board.log("agent: " + STATE_FILE + " cannot be written, status " + status)
}

/**
 * Notes a check-in at Unix time `nowS`; 0 is unknown, and nothing to note.
 * Written down only every CHECKIN_SAVED_EVERY_S, since it costs flash each time.
 */
export function stateCheckedIn(nowS: number): void {
    if (nowS === 0) return
    current.lastS = nowS
    if (nowS - savedLastS >= CHECKIN_SAVED_EVERY_S || nowS < savedLastS) stateSave()
}

/** Whether an update failed on this board. */
export function quarantineHas(update: string): boolean {
    return (" " + current.failed).indexOf(" " + update + " ") >= 0
}

/** Remembers a failed update, in RAM until stateSave; beyond QUARANTINE_MAX the oldest are forgotten. */
export function quarantineAdd(update: string): void {
    if (quarantineHas(update)) return
    current.failed = current.failed + update + " "
    let count = 0
    for (let index = 0; index < current.failed.length; index += 1) {
        if (current.failed.charCodeAt(index) === 32) count += 1
    }
    while (count > QUARANTINE_MAX) {
        current.failed = current.failed.substring(current.failed.indexOf(" ") + 1)
        count -= 1
    }
}
