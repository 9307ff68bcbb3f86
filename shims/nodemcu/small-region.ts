// Regions of the ESP8266: what a region can do is made whenever it is asked for, since six tables of functions take a fifth of the heap.

import type { Region } from "../../firmware/ports"
import {
    blankAt,
    eraseLater,
    fileBytes,
    matchesStaged,
    program,
    programSafely,
    programStaged,
    read,
    REGION_BOOT,
    REGION_PAYLOAD,
    type RegionFile,
} from "./file-region"
import { setmetatable } from "./modules"

/** What is kept of a region. */
interface Kept extends RegionFile {
    readonly use: number
    readonly sizeBytes: number
}

/** The units of every region. */
let eraseUnitBytes = 0
let programUnitBytes = 0

function readOf(kept: Kept): Region["read"] {
    return (offset, lengthBytes) => read(kept, offset, lengthBytes)
}

function eraseOf(kept: Kept): Region["erase"] {
    if (kept.use === REGION_PAYLOAD) return offset => eraseLater(kept, offset, eraseUnitBytes)
    return offset => blankAt(kept, offset, eraseUnitBytes)
}

function programOf(kept: Kept): Region["program"] {
    if (kept.use === REGION_BOOT) return (offset, bytes) => programSafely(kept, offset, bytes)
    return (offset, bytes) => program(kept, offset, bytes)
}

function programStagedOf(kept: Kept): Region["programStaged"] {
    return (offset, lengthBytes) => programStaged(kept, offset, lengthBytes, programUnitBytes)
}

function matchesStagedOf(kept: Kept): Region["matchesStaged"] {
    return (offset, lengthBytes) => matchesStaged(kept, offset, lengthBytes)
}

/** What a region answers for a name that it does not keep. */
function member(kept: Kept, key: keyof Region | "open"): unknown {
    if (key === "open") return undefined
    if (key === "eraseBytes") return eraseUnitBytes
    if (key === "programBytes") return programUnitBytes
    if (key === "read") return readOf(kept)
    if (key === "erase") return eraseOf(kept)
    if (key === "program") return programOf(kept)
    if (key === "programStaged") return programStagedOf(kept)
    return matchesStagedOf(kept)
}

const LOOK_UP = { __index: member }

/** As fileRegion of file-region.ts; the units are those of every region. */
export function fileRegion(name: string, eraseBytes: number, programBytes: number, use: number): Region {
    eraseUnitBytes = eraseBytes
    programUnitBytes = programBytes
    const kept: Kept = { name, open: undefined, use, sizeBytes: fileBytes(name) }
    return setmetatable<Region>(kept, LOOK_UP)
}
