// Commit, revert, snapshot and boot state: what the running image decides about itself.

import { bootRecordRead, bootRecordWrite, recordBack, type BootRecord } from "./boot-record"
import { blocksOf, most } from "./bytes"
import { BLOCK_BYTES, COMMIT_TIMEOUT_S_DEFAULT, COMMIT_TIMEOUT_S_MAX, SLOT_NONE } from "./constants"
import { filesCopy } from "./files"
import { journalForget } from "./journal"
import { blockBytesOf } from "./manifest"
import { ports, type Region } from "./ports"
import { regionDigest, regionErase, regionRead } from "./region"
import { rSignalSync, SIGNAL_COMMIT } from "./signals"
import * as status from "./status"
import { updaterIsBusy } from "./updater"

/** The boot record, as an app sees it (Mongoose OS: OTA.GetBootState). */
export interface BootState {
    /** App slot that runs, 0 or 1. */
    activeSlot: number
    /** App slot to go back to, -1 when there is none. */
    revertSlot: number
    isCommitted: boolean
    commitTimeoutS: number
    /** Whether the last change was a way back. */
    cameBack: boolean
    /** Result and id of the last update; STATUS_OK and "" before the first. */
    lastResult: number
    updateId: string
}

/** The state of the boot record; undefined when none is readable. */
export function bootState(): BootState | undefined {
    const record = bootRecordRead()
    if (record === undefined) return undefined
    let revertSlot = -1
    if (record.revertApp !== SLOT_NONE) revertSlot = record.revertApp
    return {
        activeSlot: record.activeApp,
        revertSlot,
        isCommitted: record.isCommitted,
        commitTimeoutS: record.commitTimeoutS,
        cameBack: record.cameBack,
        lastResult: record.result,
        updateId: record.updateId,
    }
}

/**
 * The running image is good: it stays, and its security counter counts from now on.
 * Returns STATUS_OK (also when it is committed already), STATUS_NO_BOOT_RECORD, STATUS_BUSY (an applied update waits for its
 * reset), STATUS_NATIVE (the platform does not keep the native firmware that it brought) or STATUS_FLASH.
 */
export function commit(): number {
    const record = bootRecordRead()
    if (record === undefined) return status.STATUS_NO_BOOT_RECORD
    if (record.isCommitted) return status.STATUS_OK
    if (updaterIsBusy()) return status.STATUS_BUSY
    // First: of the two, an accepted firmware can still be left, a committed image cannot.
    if (record.native > 0 && (ports.native === undefined || ports.native.accept() !== status.STATUS_OK))
        return status.STATUS_NATIVE
    record.isCommitted = true
    record.revertApp = SLOT_NONE
    record.revertFiles = SLOT_NONE
    record.security = most(record.security, record.appSecurity[record.activeApp])
    const result = bootRecordWrite(record)
    if (result === status.STATUS_OK) rSignalSync(SIGNAL_COMMIT, undefined)
    return result
}

/**
 * Goes back to the image before this one. `reason` (a negative status) is what the cloud will hear. The caller resets the board.
 * Returns STATUS_OK, STATUS_NO_REVERT, STATUS_NO_BOOT_RECORD or STATUS_FLASH.
 */
export function revert(reason: number): number {
    const record = bootRecordRead()
    if (record === undefined) return status.STATUS_NO_BOOT_RECORD
    if (record.isCommitted || record.revertApp === SLOT_NONE) return status.STATUS_NO_REVERT
    recordBack(record, reason)
    return bootRecordWrite(record)
}

/**
 * Copies the running app and its files to the other slots (Mongoose OS: OTA.CreateSnapshot). With `isRevert` the board is then on
 * trial: it goes back to the snapshot unless it commits within `commitTimeoutS` (0 = COMMIT_TIMEOUT_S_DEFAULT).
 * Returns the app slot of the snapshot, or STATUS_NOT_COMMITTED, STATUS_BUSY, STATUS_ARGUMENT, STATUS_FILES_FULL or STATUS_FLASH.
 */
export function createSnapshot(isRevert: boolean, commitTimeoutS: number): number {
    if (commitTimeoutS < 0 || commitTimeoutS > COMMIT_TIMEOUT_S_MAX) return status.STATUS_ARGUMENT
    if (updaterIsBusy()) return status.STATUS_BUSY
    const record = bootRecordRead()
    if (record === undefined) return status.STATUS_NO_BOOT_RECORD
    if (!record.isCommitted) return status.STATUS_NOT_COMMITTED
    const slot = 1 - record.activeApp
    // The copy overwrites what a stopped download has left there.
    if (journalForget() !== status.STATUS_OK) return status.STATUS_FLASH
    const copied = slotCopy(ports.app[record.activeApp], ports.app[slot], record.appBytes[record.activeApp])
    if (copied !== status.STATUS_OK) return copied
    const files = filesCopy(ports.files[1 - record.activeFiles])
    if (files !== status.STATUS_OK) return files
    const result = snapshotRecord(record, slot, isRevert, commitTimeoutS)
    if (result !== status.STATUS_OK) return result
    return slot
}

function snapshotRecord(record: BootRecord, slot: number, isRevert: boolean, commitTimeoutS: number): number {
    record.appBytes[slot] = record.appBytes[record.activeApp]
    record.appDigests[slot] = record.appDigests[record.activeApp]
    record.appSecurity[slot] = record.appSecurity[record.activeApp]
    // Both slots belong to the native firmware that runs.
    record.native = 0
    if (isRevert) {
        record.revertApp = slot
        record.revertFiles = 1 - record.activeFiles
        record.isCommitted = false
        record.trialId = record.sequence
        record.commitTimeoutS = COMMIT_TIMEOUT_S_DEFAULT
        if (commitTimeoutS > 0) record.commitTimeoutS = commitTimeoutS
    }
    if (regionDigest(ports.app[slot], 0, record.appBytes[slot]) !== record.appDigests[slot]) return status.STATUS_SLOT_DAMAGED
    return bootRecordWrite(record)
}

function slotCopy(source: Region, target: Region, lengthBytes: number): number {
    for (let block = 0; block < blocksOf(lengthBytes); block++) {
        const offset = block * BLOCK_BYTES
        const bytes = regionRead(source, offset, blockBytesOf(lengthBytes, block))
        if (bytes === "") return status.STATUS_FLASH
        if (regionErase(target, offset, BLOCK_BYTES) !== status.STATUS_OK) return status.STATUS_FLASH
        ports.stage.put(0, bytes, 0, bytes.length)
        if (target.programStaged(offset, bytes.length) !== status.STATUS_OK) return status.STATUS_FLASH
        if (!target.matchesStaged(offset, bytes.length)) return status.STATUS_FLASH
    }
    return status.STATUS_OK
}
