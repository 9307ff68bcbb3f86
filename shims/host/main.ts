// The host's platform: maps what the emulated hardware offers onto the core's ports.

import type { Ports, Region } from "../../firmware/ports"
import { STATUS_FLASH, STATUS_OK } from "../../firmware/status"
import type { FlashRange, Hardware } from "./hardware"

/** The platform name that images for host boards carry. */
export const HOST_PLATFORM = "host"

/** The core's ports over emulated hardware. */
export function hostPorts(hardware: Hardware): Ports {
    const { layout, flash } = hardware
    const bases = new Map<Region, number>()
    const region = (range: FlashRange): Region => {
        const result = hostRegion(hardware, range)
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
            sha256: hardware.sha256,
            ofRegion: (algorithm, target, lengthBytes) => flash.digest(algorithm, bases.get(target) ?? -1, lengthBytes),
        },
        clock: hardware.clock,
        http: hardware.http,
        board: hardware,
        json: { parse: parseJson, stringify: value => JSON.stringify(value) },
        imageFile: hardware.imageFile,
        platform: HOST_PLATFORM,
    }
}

function hostRegion(hardware: Hardware, range: FlashRange): Region {
    const { flash } = hardware
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
