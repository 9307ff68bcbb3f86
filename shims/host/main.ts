// The host's platform: maps what the emulated hardware offers onto the core's ports.

import { bootRecordStart } from "../../firmware/boot-record"
import { crc32 } from "../../firmware/bytes"
import { filesMount } from "../../firmware/files"
import { noticesStart } from "../../firmware/notices"
import { portsInstall, type Ports, type Region } from "../../firmware/ports"
import { runningInstall, type RunningImage } from "../../firmware/running"
import { STATUS_FLASH, STATUS_OK } from "../../firmware/status"
import type { FlashRange, Hardware } from "./hardware"

declare const hardware: Hardware
declare const __OTARY_IMAGE__: RunningImage

/** The start of an image on a host board: ports, the running image, the files. */
export function hostMain(): void {
    portsInstall(hostPorts(hardware))
    runningInstall(__OTARY_IMAGE__)
    if (hardware.notify !== undefined) noticesStart(__OTARY_IMAGE__.version, hardware.notify)
    const { start } = hardware
    if (start !== undefined) bootRecordStart(start.slot, start.reason, start.record)
    filesMount()
}

/** The platform name that images for host boards carry. */
export const HOST_PLATFORM = "host"

/** The core's ports over emulated hardware. */
export function hostPorts(board: Hardware): Ports {
    const { layout, flash } = board
    const bases = new Map<Region, number>()
    const region = (range: FlashRange): Region => {
        const result = hostRegion(board, range)
        bases.set(result, range.offsetBytes)
        return result
    }
    return {
        boot: region(layout.boot),
        journal: region(layout.journal),
        app: [region(layout.app0), region(layout.app1)],
        files: [region(layout.files0), region(layout.files1)],
        stage: flash.stage,
        digest: {
            sha256: board.sha256,
            ...(board.ecdsaVerify !== undefined && { ecdsaVerify: board.ecdsaVerify }),
            crc32,
            ofRegion: (algorithm, target, lengthBytes) => flash.digest(algorithm, bases.get(target) ?? -1, lengthBytes),
        },
        clock: board.clock,
        http: board.http,
        board,
        json: { parse: parseJson, stringify: value => JSON.stringify(value) },
        imageFile: board.imageFile,
        platform: HOST_PLATFORM,
    }
}

function hostRegion(board: Hardware, range: FlashRange): Region {
    const { flash } = board
    const base = range.offsetBytes
    return {
        sizeBytes: range.sizeBytes,
        eraseBytes: flash.eraseBytes,
        programBytes: flash.programBytes,
        read: (offset, lengthBytes) => flash.read(base + offset, lengthBytes),
        erase: offset => statusOf(flash.erase(base + offset)),
        program: (offset, bytes) => statusOf(flash.program(base + offset, bytes)),
        programStaged: (offset, lengthBytes) => statusOf(flash.programStaged(base + offset, lengthBytes)),
        matchesStaged: (offset, lengthBytes) => flash.matchesStaged(base + offset, lengthBytes),
    }
}

function statusOf(result: number): number {
    return result === 0 ? STATUS_OK : STATUS_FLASH
}

function parseJson(text: string): unknown {
    try {
        return JSON.parse(text)
    } catch {
        return undefined
    }
}
