// The example of docs/getting-started.md: greets, counts its starts, and asks for a minute before it is replaced.

import { fileRead, fileWrite, log, rWatch, SIGNAL_UPDATE, updateWait, version } from "otary"

const starts = Number(fileRead("starts.txt") ?? "0") + 1
fileWrite("starts.txt", String(starts))
log("hello " + version() + ", start " + starts + ": " + (fileRead("greeting.txt") ?? "").trim())

// An update is in flash and verified. It is applied when the app agrees; this one asks for three seconds at most.
rWatch(SIGNAL_UPDATE, () => void updateWait(3), undefined)
