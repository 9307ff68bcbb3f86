// The app's files: whole files in the active files area, their merge into a new area, and compaction.

import { bootRecordRead, bootRecordWrite } from "./boot-record"
import { alignUp, isVisibleText, most } from "./bytes"
import { FILES_MAX, FILE_BYTES_MAX, FILE_NAME_BYTES_MAX, SLOT_NONE, WRITES_MAX } from "./constants"
import {
    logAlign,
    logAlignFor,
    logAppend,
    logData,
    logFirst,
    logFormat,
    logIsSealed,
    logNext,
    logPassedEnd,
    logRecordBytes,
    logSeal,
    RECORD_FILE,
    RECORD_REMOVAL,
    type FileRecord,
} from "./files-log"
import { journalLeaveFiles } from "./journal"
import { ports, type Bytes, type Region } from "./ports"
import { regionClear, regionRead } from "./region"
import * as status from "./status"

/** A files area as it was read: the live files and where the log ends. */
interface Area {
    region: Region
    align: number
    live: FileRecord[]
    end: number
    /** The last record, when no seal behind it proves that its write was finished. */
    unproven: FileRecord | undefined
}

let active: Area | undefined
/** Why there is no active area. */
let mounted: number = status.STATUS_NO_BOOT_RECORD
let isFrozen = false
let isTaken = false

/**
 * Reads the active area; called at every boot, and again whenever the boot record's active area has changed. A file whose write
 * was cut is written down once more as it is found, so that it is found alike next time.
 * Returns STATUS_OK, STATUS_NO_BOOT_RECORD or STATUS_FLASH (the area cannot be read: it has no files and takes none).
 */
export function filesMount(): number {
    active = undefined
    isFrozen = false
    const record = bootRecordRead()
    mounted = status.STATUS_NO_BOOT_RECORD
    if (record === undefined) return mounted
    const region = ports.files[record.activeFiles]
    const area = areaRead(region, "", 0)
    // Not readable is not the same as blank: a blank one is formatted with the first write, and so everything would be lost.
    mounted = status.STATUS_FLASH
    if (area.align === 0 && regionRead(region, 0, 1) === "") return mounted
    mounted = status.STATUS_OK
    active = area
    // Where it fails, writes try it again.
    settle()
    return status.STATUS_OK
}

/** Whether the last write of the file `name` may have been cut, and has not been settled yet. */
function isInDoubt(name: string): boolean {
    return active !== undefined && active.unproven !== undefined && active.unproven.name === name
}

/**
 * What a file whose last write may have been cut holds is decided here, once and for all: by what is read right now. A version that is
 * not whole any more when it is read again counts as torn, and the one ahead of it is looked at.
 * Returns STATUS_OK, or as fileWrite.
 */
function settle(): number {
    if (active === undefined || active.unproven === undefined) return status.STATUS_OK
    const unproven = active.unproven
    const name = unproven.name
    let record = find(active.live, name)
    let data: Bytes | undefined
    while (record !== undefined && data === undefined) {
        data = dataOf(active, record)
        if (data === undefined) {
            active = areaRead(active.region, name, record.at)
            active.unproven = unproven
            record = find(active.live, name)
        }
    }
    if (data !== undefined) return recordWrite(RECORD_FILE, name, data)
    return recordWrite(RECORD_REMOVAL, name, "")
}

/** Refuses writes from now on until the next boot: what they would write is left behind by the update that is being applied. */
export function filesFreeze(isOn: boolean): void {
    isFrozen = isOn
}

/** Says that an update is writing the other area, so that compaction must wait. */
export function filesOtherTaken(isOn: boolean): void {
    isTaken = isOn
}

/** The content of a file; undefined when there is no such file, or when flash cannot be read. */
export function fileRead(name: string): Bytes | undefined {
    if (active === undefined) return undefined
    const record = find(active.live, name)
    if (record === undefined) return undefined
    return dataOf(active, record)
}

/** Names of all files, in the order in which they were last written. */
export function fileList(): string[] {
    const names: string[] = []
    if (active === undefined) return names
    for (let i = 0; i < active.live.length; i++) names.push(active.live[i].name)
    return names
}

/**
 * Writes a whole file (at most FILE_BYTES_MAX): after a power cut either the old or the new content is there.
 * Returns STATUS_OK, STATUS_FILE_NAME, STATUS_FILE_SIZE, STATUS_FILES_FULL, STATUS_BUSY (an update is being applied),
 * STATUS_NOT_COMMITTED (full, and cleaning up must wait for the commit) or STATUS_FLASH.
 */
export function fileWrite(name: string, data: Bytes): number {
    if (!nameIsGood(name)) return status.STATUS_FILE_NAME
    if (data.length > FILE_BYTES_MAX) return status.STATUS_FILE_SIZE
    if (isFrozen) return status.STATUS_BUSY
    if (active !== undefined) {
        const record = find(active.live, name)
        if (record === undefined && active.live.length >= FILES_MAX) return status.STATUS_FILES_FULL
        // The same content again would only wear the flash.
        const isSame = record !== undefined && record.dataBytes === data.length && dataOf(active, record) === data
        if (isSame && !isInDoubt(name)) return status.STATUS_OK
    }
    return recordWrite(RECORD_FILE, name, data)
}

/** Removes a file. Returns STATUS_OK, STATUS_FILE_NOT_FOUND, or as fileWrite. */
export function fileRemove(name: string): number {
    if (active === undefined) return status.STATUS_FILE_NOT_FOUND
    if (find(active.live, name) === undefined && !isInDoubt(name)) return status.STATUS_FILE_NOT_FOUND
    if (isFrozen) return status.STATUS_BUSY
    return recordWrite(RECORD_REMOVAL, name, "")
}

/**
 * Completes the area that an update's fs part was written into: appends every live file that the image lacks.
 * Can be repeated: it starts at an erase unit of its own each time. Returns STATUS_OK, STATUS_FILES_FORMAT, STATUS_FILES_FULL
 * or STATUS_FLASH.
 */
export function filesMerge(target: Region, partBytes: number): number {
    const start = alignUp(partBytes, target.eraseBytes)
    if (regionClear(target, start, target.sizeBytes - start) !== status.STATUS_OK) return status.STATUS_FLASH
    if (active === undefined) return mounted
    const area = areaRead(target, "", 0)
    if (area.align === 0) return status.STATUS_FILES_FORMAT
    const missing: FileRecord[] = []
    for (let i = 0; i < active.live.length; i++) {
        if (find(area.live, active.live[i].name) === undefined) missing.push(active.live[i])
    }
    area.end = alignUp(start, area.align)
    const result = copyInto(area, active, missing)
    if (result === status.STATUS_OK) seal(area)
    return result
}

/** Copies the live files into `target`, which is erased first. Returns STATUS_OK, STATUS_FILES_FULL or STATUS_FLASH. */
export function filesCopy(target: Region): number {
    if (active === undefined) return mounted
    const area = areaFormat(target)
    if (area === undefined) return status.STATUS_FLASH
    const result = copyInto(area, active, active.live)
    if (result === status.STATUS_OK) seal(area)
    return result
}

// ---- areas -------------------------------------------------------------------------------------

function areaFormat(region: Region): Area | undefined {
    const align = logAlignFor(region)
    if (logFormat(region, align) !== status.STATUS_OK) return undefined
    return { region, align, live: [], end: logFirst(align), unproven: undefined }
}

/** Reads an area. Records of the file `tornName` from `tornFrom` on count as torn. */
function areaRead(region: Region, tornName: string, tornFrom: number): Area {
    const area: Area = { region, align: logAlign(region), live: [], end: 0, unproven: undefined }
    if (area.align === 0) return area
    area.end = logFirst(area.align)
    let record = logNext(region, area.align, area.end)
    while (record !== undefined) {
        if (record.name === tornName && record.at >= tornFrom) record.isCommitted = false
        if (record.isCommitted) liveUpdate(area, record)
        area.end = most(area.end, record.end)
        area.unproven = record
        // A head alone does not vouch for what lies behind it: it may have been torn, and readable by chance.
        const from: number = record.isCommitted ? record.end : record.at + area.align
        record = logNext(region, area.align, from)
        area.end = most(area.end, logPassedEnd())
    }
    area.end = most(area.end, logPassedEnd())
    if (area.unproven !== undefined && logIsSealed(region, area.align, area.unproven.end)) area.unproven = undefined
    return area
}

function liveUpdate(area: Area, record: FileRecord): void {
    const kept: FileRecord[] = []
    for (let i = 0; i < area.live.length; i++) {
        if (area.live[i].name !== record.name) kept.push(area.live[i])
    }
    if (record.kind === RECORD_FILE && kept.length < FILES_MAX) kept.push(record)
    area.live = kept
}

function find(live: FileRecord[], name: string): FileRecord | undefined {
    for (let i = 0; i < live.length; i++) {
        if (live[i].name === name) return live[i]
    }
    return undefined
}

function dataOf(area: Area, record: FileRecord): Bytes | undefined {
    return logData(area.region, area.align, record)
}

function copyInto(area: Area, source: Area, files: FileRecord[]): number {
    for (let i = 0; i < files.length; i++) {
        const data = dataOf(source, files[i])
        if (data === undefined) return status.STATUS_FLASH
        const result = append(area, RECORD_FILE, files[i].name, data)
        if (result !== status.STATUS_OK) return result
    }
    return status.STATUS_OK
}

/** Appends a record to an area in RAM and flash. Where a write did not take, it is tried once more behind what it may have touched. */
function append(area: Area, kind: number, name: string, data: Bytes): number {
    let result = status.STATUS_FLASH
    for (let turn = 0; turn < WRITES_MAX && result === status.STATUS_FLASH; turn++) {
        const at = area.end
        result = logAppend(area.region, area.align, at, kind, name, data)
        if (result !== status.STATUS_FILES_FULL) area.end = at + logRecordBytes(area.align, name.length, data.length)
        if (result === status.STATUS_OK) {
            const record = logNext(area.region, area.align, at)
            if (record !== undefined && record.at === at && record.isCommitted) liveUpdate(area, record)
            else result = status.STATUS_FLASH
        }
    }
    return result
}

function seal(area: Area): void {
    logSeal(area.region, area.align, area.end)
    area.end = area.end + area.align
}

// ---- writing -----------------------------------------------------------------------------------

function recordWrite(kind: number, name: string, data: Bytes): number {
    if (active === undefined) return mounted
    // A later record would vouch for the one in doubt, unless it takes its place.
    if (!isInDoubt(name)) {
        const settled = settle()
        if (settled !== status.STATUS_OK) return settled
    }
    let result: number = status.STATUS_FILES_FULL
    if (active.align !== 0) result = append(active, kind, name, data)
    if (result === status.STATUS_OK) {
        active.unproven = undefined
        seal(active)
        return result
    }
    // Full, or worn where the log ends: a fresh area.
    const compacted = compact(kind, name, data)
    if (compacted !== status.STATUS_OK && result === status.STATUS_FLASH) return result
    return compacted
}

/**
 * Copies the live files to the other area, with the new record in place of what `name` was, and makes that the active one. Only
 * while no update needs the other area.
 */
function compact(kind: number, name: string, data: Bytes): number {
    if (active === undefined || isTaken) return status.STATUS_FILES_FULL
    const record = bootRecordRead()
    if (record === undefined) return status.STATUS_NO_BOOT_RECORD
    if (!record.isCommitted) return status.STATUS_NOT_COMMITTED
    const other = 1 - record.activeFiles
    if (journalLeaveFiles(other) !== status.STATUS_OK) return status.STATUS_FLASH
    const area = areaFormat(ports.files[other])
    if (area === undefined) return status.STATUS_FLASH
    const kept: FileRecord[] = []
    for (let i = 0; i < active.live.length; i++) if (active.live[i].name !== name) kept.push(active.live[i])
    let result = copyInto(area, active, kept)
    if (result === status.STATUS_OK && kind === RECORD_FILE) result = append(area, kind, name, data)
    if (result !== status.STATUS_OK) return result
    seal(area)
    const copy = areaRead(area.region, "", 0)
    if (copy.live.length !== area.live.length) return status.STATUS_FLASH
    record.activeFiles = other
    record.revertFiles = SLOT_NONE
    result = bootRecordWrite(record)
    if (result === status.STATUS_OK) active = copy
    return result
}

function nameIsGood(name: string): boolean {
    return isVisibleText(name, FILE_NAME_BYTES_MAX) && name.indexOf("\\") < 0
}
