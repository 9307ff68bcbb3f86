// Which native firmware starts: the partition otadata of ESP-IDF, two entries written in turn, the higher number counts.

import { crc32 } from "node:zlib"

/** States of a partition, ESP-IDF's numbers (esp_ota_img_states_t). */
export const OTA_STATES = { new: 0, testing: 1, valid: 2, invalid: 3, aborted: 4, undefined: 0xffffffff } as const

/** Name of a state, as otaupgrade.info gives it. */
export type OtaState = keyof typeof OTA_STATES

/** An entry. */
export interface OtaEntry {
    /** From 1 on; (sequence - 1) modulo the number of partitions is the one that it stands for. */
    readonly sequence: number
    readonly state: OtaState
}

/** Bytes of an entry (esp_ota_select_entry_t), each in a flash sector of its own. */
const ENTRY_BYTES = 32
const STATE_AT = 24
const CRC_AT = 28
/** Flash sector; otadata has two. */
export const OTA_SECTOR_BYTES = 4096

function crcOf(sequence: number): number {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(sequence)
    return crc32(bytes)
}

/** The bytes of an entry. */
export function otaEntryEncode({ sequence, state }: OtaEntry): Buffer {
    const bytes = Buffer.alloc(ENTRY_BYTES, 0xff)
    bytes.writeUInt32LE(sequence, 0)
    bytes.writeUInt32LE(OTA_STATES[state], STATE_AT)
    bytes.writeUInt32LE(crcOf(sequence), CRC_AT)
    return bytes
}

/** The entries in otadata; undefined for one that is erased or torn. */
export function otaEntries(bytes: Buffer): (OtaEntry | undefined)[] {
    return [0, OTA_SECTOR_BYTES].map(at => {
        if (bytes.length < at + ENTRY_BYTES) return undefined
        const sequence = bytes.readUInt32LE(at)
        if (sequence === 0xffffffff || bytes.readUInt32LE(at + CRC_AT) !== crcOf(sequence)) return undefined
        const number = bytes.readUInt32LE(at + STATE_AT)
        const state = (Object.keys(OTA_STATES) as OtaState[]).find(name => OTA_STATES[name] === number)
        return { sequence, state: state ?? "undefined" }
    })
}

/** Whether an entry may be started at all. */
function isUsable(entry: OtaEntry | undefined): entry is OtaEntry {
    return entry !== undefined && entry.state !== "invalid" && entry.state !== "aborted"
}

/** Index of the entry that counts; -1 when there is none. */
export function otaActive(entries: readonly (OtaEntry | undefined)[]): number {
    let active = -1
    entries.forEach((entry, index) => {
        if (isUsable(entry) && (active < 0 || entry.sequence > entries[active]!.sequence)) active = index
    })
    return active
}

/** Whether the entry that does not count could be gone back to. */
export function otaHasBefore(entries: readonly (OtaEntry | undefined)[], active: number): boolean {
    return active >= 0 && isUsable(entries[1 - active])
}

/** Where the choice of partition `slot` is written, and its sequence (esp_ota_set_boot_partition). */
export function otaChoice(
    entries: readonly (OtaEntry | undefined)[],
    slot: number,
    slots: number,
): { readonly index: number; readonly sequence: number } {
    const active = otaActive(entries)
    if (active < 0) return { index: 0, sequence: slot + 1 }
    let sequence = slot + 1
    while (sequence < entries[active]!.sequence) sequence += slots
    return { index: 1 - active, sequence }
}
