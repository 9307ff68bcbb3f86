// The file system of a Lua board: its files are the regions of its flash, at their places, and nothing else fits beside them.

import type { FlashLayout, FlashRange } from "../../../../shims/host/hardware"
import type { NorFlash, FlashStore } from "../../../../shims/host/nor-flash"
import { LOADER_HEAD_BYTES } from "../../boot-rom"
import type { LuaFile } from "./calls"

/** Flash as a file system sees it: bytes that can be written again and again. */
export interface Disk {
    /** What is there. */
    readonly array: Buffer
    /** Writes; returns false when it could not. */
    write(this: void, address: number, source: Uint8Array): boolean
}

/** The disk on a chip's cells; `store` keeps them beyond the process. */
export function createDisk({ array }: Pick<NorFlash, "array">, store?: FlashStore): Disk {
    return {
        array,
        write(address, source) {
            try {
                store?.write(address, Buffer.from(source), 0, source.length)
            } catch {
                return false
            }
            array.set(source, address)
            return true
        },
    }
}

function rangeOf(layout: FlashLayout, name: string): FlashRange | undefined {
    const { loader } = layout
    if (name === "init.lua") {
        return { offsetBytes: loader.offsetBytes + LOADER_HEAD_BYTES, sizeBytes: loader.sizeBytes - LOADER_HEAD_BYTES }
    }
    const region = /^(boot|journal|app0|app1|files0|files1)\.bin$/.exec(name)?.[1] as keyof FlashLayout | undefined
    return region === undefined ? undefined : layout[region]
}

/** Opens a file of the disk. A file has the size of its region for ever: writes behind its end fail, as on a full file system. */
export function openFile(disk: Disk, layout: FlashLayout, name: string): LuaFile | undefined {
    const range = rangeOf(layout, name)
    if (range === undefined) return undefined
    const { offsetBytes, sizeBytes } = range
    return {
        size: () => sizeBytes,
        read(offset, target) {
            const length = Math.max(0, Math.min(target.length, sizeBytes - offset))
            disk.array.copy(target, 0, offsetBytes + offset, offsetBytes + offset + length)
            return length
        },
        write(offset, source) {
            if (offset + source.length > sizeBytes) return -1
            return disk.write(offsetBytes + offset, source) ? source.length : -1
        },
    }
}
