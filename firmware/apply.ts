// From a whole image in the other slot to the one that boots next: verify, complete the files, and, last of all, flip.

import { partHasHash } from "./blocks"
import { bootRecordRead, bootRecordWrite, type BootRecord } from "./boot-record"
import { blocksOf } from "./bytes"
import { filesMerge } from "./files"
import { blockHasDigest, journalDigest, journalForget } from "./journal"
import { manifestParts, manifestSecurity, PART_APP, PART_FILES, PART_NATIVE, partRegion } from "./manifest"
import { ports, type Bytes, type Region } from "./ports"
import { regionDigest } from "./region"
import { STATUS_BLOCK_HASH, STATUS_NO_BOOT_RECORD, STATUS_OK, STATUS_PART_HASH } from "./status"

/** Where the image lies and what the boot record shall say of it. */
export interface ApplyOptions {
    appSlot: number
    filesArea: number
    updateId: string
    commitTimeoutS: number
}

/** Applies the image of the manifest that was read last. Returns STATUS_OK or a negative status; nothing has flipped then. */
export function applyImage(options: ApplyOptions): number {
    const record = bootRecordRead()
    if (record === undefined) return STATUS_NO_BOOT_RECORD
    const parts = manifestParts()
    // Made before the slot is verified: a digest of what rots afterwards would vouch for it.
    let digest = ""
    for (let k = 0; k < parts.length; k++) {
        if (parts[k].kind === PART_APP) digest = partDigest(k, ports.app[options.appSlot])
        const verified = partVerify(k, options)
        if (verified !== STATUS_OK) {
            // A mark that vouches for a whole part is not so: the next download starts anew. Blocks are looked at one by one then.
            if (parts[k].listSrc === "") journalForget()
            return verified
        }
    }
    for (let k = 0; k < parts.length; k++) {
        if (parts[k].kind === PART_FILES) {
            const merged = filesMerge(ports.files[options.filesArea], parts[k].sizeBytes)
            if (merged !== STATUS_OK) return merged
        }
    }
    const native = nativeFinish()
    if (native < 0) return native
    return flip(record, options, digest, native)
}

/**
 * Hands the native firmware over, where the image brings some: the platform starts it from now on. What the next start finds without
 * the flip behind this, it leaves again (boot.ts). Returns what stands for it, 0 for none, or STATUS_NATIVE.
 */
function nativeFinish(): number {
    const parts = manifestParts()
    for (let k = 0; k < parts.length; k++) if (parts[k].kind === PART_NATIVE) return ports.native!.finish()
    return 0
}

function partVerify(k: number, options: ApplyOptions): number {
    const part = manifestParts()[k]
    // The platform looks at it as a whole.
    if (part.kind === PART_NATIVE) return STATUS_OK
    const region = partRegion(part, options.appSlot, options.filesArea)
    if (part.listSrc === "") {
        if (partHasHash(k, region)) return STATUS_OK
        return STATUS_PART_HASH
    }
    for (let block = 0; block < blocksOf(part.sizeBytes); block++) {
        if (!blockHasDigest(k, block, region)) return STATUS_BLOCK_HASH
    }
    return STATUS_OK
}

/** The slot digest of part `k`: from its block list where it has one. */
function partDigest(k: number, region: Region): Bytes {
    const part = manifestParts()[k]
    if (part.listSrc === "") return regionDigest(region, 0, part.sizeBytes)
    let digest = ""
    for (let block = 0; block < blocksOf(part.sizeBytes); block++) digest = ports.digest.sha256(digest + journalDigest(k, block))
    return digest
}

function flip(record: BootRecord, options: ApplyOptions, digest: Bytes, native: number): number {
    record.revertApp = record.activeApp
    record.revertFiles = record.activeFiles
    const parts = manifestParts()
    for (let k = 0; k < parts.length; k++) {
        if (parts[k].kind === PART_APP) {
            record.activeApp = options.appSlot
            record.appBytes[options.appSlot] = parts[k].sizeBytes
            record.appDigests[options.appSlot] = digest
            record.appSecurity[options.appSlot] = manifestSecurity()
        } else if (parts[k].kind === PART_FILES) record.activeFiles = options.filesArea
    }
    record.native = native
    record.isCommitted = false
    record.cameBack = false
    record.trialId = record.sequence
    record.commitTimeoutS = options.commitTimeoutS
    record.result = STATUS_OK
    record.updateId = options.updateId
    return bootRecordWrite(record)
}
