// The demo's good app: a thermostat that keeps its settings in a file and takes every update at once.

import { fileRead, fileWrite, log, rWatch, SIGNAL_UPDATE, updateApply, version } from "otary"

const STARTS_FILE = "starts.txt"

/** Starts so far, counted in a file that survives every update. */
function countStart(): number {
    const starts = Number(fileRead(STARTS_FILE) ?? "0") + 1
    fileWrite(STARTS_FILE, String(starts))
    return starts
}

log("thermostat " + version() + ", start " + countStart() + ", set to " + (fileRead("target.txt") ?? "").trim() + " degrees")
rWatch(SIGNAL_UPDATE, () => void updateApply(), undefined)
