// The chip below a Lua board: two partitions for native firmware, the second-stage boot loader's choice, and the module otaupgrade.

import {
    OTA_SECTOR_BYTES,
    otaActive,
    otaChoice,
    otaEntries,
    otaEntryEncode,
    otaHasBefore,
    type OtaEntry,
    type OtaState,
} from "./ota-data"
import { OTA_MAGIC, otaImageDecode, otaImageEncode, type OtaImage } from "./ota-image"

/** Where the chip keeps its partitions, by name. */
export interface OtaStore {
    /** What is there; nothing where nothing was ever written. */
    read(this: void, name: string): Buffer
    /** Writes bytes at an offset, durably before it returns. */
    write(this: void, name: string, offset: number, bytes: Buffer): void
    /** Erases a whole partition. */
    erase(this: void, name: string): void
}

/** What the chip is built with. */
export interface OtaOptions {
    /** Whether boot loader and firmware try a new one and go back (CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE); default: yes. */
    readonly hasRollback?: boolean
}

/** What `info` tells of one partition. */
export interface OtaPartitionInfo {
    readonly label: string
    readonly state: OtaState | ""
    readonly version: string
}

/** The chip. Functions of the module return "" or the text of the error that they raise. */
export interface Ota {
    /** The second-stage boot loader: chooses the firmware and returns its Lua. */
    boot(this: void): string
    commence(this: void): string
    write(this: void, bytes: Buffer): string
    complete(this: void): string
    accept(this: void): string
    /** After "" the board must be restarted. */
    rollback(this: void): string
    info(this: void): { readonly running: string; readonly next: string; readonly partitions: readonly OtaPartitionInfo[] }
}

/** Labels of the partitions; also the names of their contents in the store. */
export const OTA_LABELS = ["ota_0", "ota_1"] as const
/** Name of the choice in the store. */
export const OTA_DATA = "otadata"
/** Bytes of a partition: 0x130000, as in the partition table of the module's documentation. */
export const OTA_PARTITION_BYTES = 1245184
/** What a board is made with. */
const STOCK_VERSION = "stock"

/** otadata, and what follows from it. */
interface Choice {
    entries(): (OtaEntry | undefined)[]
    put(index: number, entry: OtaEntry): void
    /** The partition that starts next. */
    next(): number
    /** What the boot loader writes down ahead of a start: one that was on trial is left, a new one is on trial. */
    tryNext(): void
}

const slotOf = ({ sequence }: OtaEntry): number => (sequence - 1) % OTA_LABELS.length

function createChoice(store: OtaStore): Choice {
    const entries = (): (OtaEntry | undefined)[] => otaEntries(store.read(OTA_DATA))
    const put = (index: number, entry: OtaEntry): void => {
        const bytes = otaEntryEncode(entry)
        // The sector is erased first: power that is cut here leaves the other entry alone.
        store.write(OTA_DATA, index * OTA_SECTOR_BYTES, Buffer.alloc(bytes.length, 0xff))
        store.write(OTA_DATA, index * OTA_SECTOR_BYTES, bytes)
    }
    return {
        entries,
        put,
        next() {
            const active = otaActive(entries())
            return active < 0 ? 0 : slotOf(entries()[active]!)
        },
        tryNext() {
            entries().forEach((entry, index) => {
                if (entry?.state === "testing") put(index, { ...entry, state: "aborted" })
            })
            const active = otaActive(entries())
            if (active >= 0 && entries()[active]!.state === "new") put(active, { ...entries()[active]!, state: "testing" })
        },
    }
}

/** `accept` and `rollback`: both speak of the entry that counts (esp_ota_current_ota_is_workable). */
function createVerdicts({ entries, put }: Choice): Pick<Ota, "accept" | "rollback"> {
    return {
        accept() {
            const active = otaActive(entries())
            if (active < 0) return "firmware accept failed"
            put(active, { ...entries()[active]!, state: "valid" })
            return ""
        },
        rollback() {
            const active = otaActive(entries())
            if (active < 0) return "ota error"
            if (!otaHasBefore(entries(), active)) return "no other firmware to roll back to"
            put(active, { ...entries()[active]!, state: "invalid" })
            return ""
        },
    }
}

/** The chip over its store; a store without firmware gets a stock one, as a cable brings it. */
export function createOta(store: OtaStore, { hasRollback = true }: OtaOptions = {}): Ota {
    if (store.read(OTA_LABELS[0]).length === 0) {
        store.write(OTA_LABELS[0], 0, otaImageEncode({ version: STOCK_VERSION, program: "" }))
    }
    const choice = createChoice(store)
    const { entries } = choice
    const imageOf = (slot: number): OtaImage | undefined => otaImageDecode(store.read(OTA_LABELS[slot]!))
    let running = 0
    let isOpen = false
    let hasTarget = false
    let writtenBytes = 0
    return {
        ...createVerdicts(choice),
        boot() {
            isOpen = false
            hasTarget = false
            if (hasRollback) choice.tryNext()
            running = choice.next()
            // Where the chosen one cannot be started, the other one is.
            if (imageOf(running) === undefined) running = 1 - running
            return imageOf(running)?.program ?? ""
        },
        commence() {
            hasTarget = true
            const isOnTrial = entries().some(entry => entry?.state === "testing" && slotOf(entry) === running)
            if (isOnTrial) return "can't upgrade from unconfirmed firmware"
            store.erase(OTA_LABELS[1 - running]!)
            isOpen = true
            writtenBytes = 0
            return ""
        },
        write(bytes) {
            if (!isOpen) return "write not possible, use otaupgrade.commence() first"
            if (writtenBytes === 0 && bytes.length > 0 && bytes[0] !== OTA_MAGIC) return "not a valid ota image"
            if (writtenBytes + bytes.length > OTA_PARTITION_BYTES) return "ota error"
            store.write(OTA_LABELS[1 - running]!, writtenBytes, bytes)
            writtenBytes += bytes.length
            return ""
        },
        complete() {
            if (!hasTarget) return "no upgrade in progress"
            const wasOpen = isOpen
            isOpen = false
            if (!wasOpen) return "ota error"
            if (writtenBytes === 0) return "empty firmware image"
            if (imageOf(1 - running) === undefined) return "validation failed"
            hasTarget = false
            const { index, sequence } = otaChoice(entries(), 1 - running, OTA_LABELS.length)
            choice.put(index, { sequence, state: hasRollback ? "new" : "undefined" })
            return ""
        },
        info: () => ({
            running: OTA_LABELS[running]!,
            next: OTA_LABELS[choice.next()]!,
            partitions: OTA_LABELS.map((label, slot) => {
                const entry = entries().find(one => one !== undefined && slotOf(one) === slot)
                return { label, state: entry?.state ?? "", version: entry === undefined ? "" : (imageOf(slot)?.version ?? "") }
            }),
        }),
    }
}
