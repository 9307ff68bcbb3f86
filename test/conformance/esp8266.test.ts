// The ESP8266's shim against the contracts of the ports, in the built bundle: files by `file`, HTTP over the sockets of `net`.

import { createDisk, openFile } from "../../host/board/engines/lua/disk"
import { createSockets } from "../../host/board/engines/lua/sockets"
import type { Http, Region, Stage } from "../../firmware/ports"
import { createRealClock } from "../../shims/host/clock"
import { createRig } from "../firmware/core"
import { startLuaCore, type LuaCore } from "../engines/lua/harness"
import { httpSuite } from "./http-suite"
import { regionSuite } from "./region-suite"

const VERSIONS = ["5.1", "5.3"] as const
const UNITS = { eraseBytes: 4096, programBytes: 16 }

function startCore(version: (typeof VERSIONS)[number]): LuaCore & { sizeBytes: number } {
    const rig = createRig({ appBytes: 32768, filesBytes: 16384, journalBytes: 65536 })
    const disk = createDisk(rig.flash)
    const core = startLuaCore({
        version,
        chip: "esp8266",
        open: name => openFile(disk, rig.layout.regions, name),
        sockets: createSockets(run => run()),
        clock: createRealClock(),
        log: () => undefined,
        ...UNITS,
    })
    return { ...core, sizeBytes: 32768 }
}

/** The port over the wire of the harness. */
function wiredHttp({ modules }: LuaCore): Http {
    const { request, abort } = modules["http"]!
    let isWithin = false
    let wish = 0
    return {
        request(method, url, headers, body, { onHead, onData, onEnd }) {
            const whenHead = (statusCode: unknown, answer: unknown): void =>
                onHead({ statusCode: statusCode as number, header: name => (name === "x-answer" ? (answer as string) : "") })
            const whenData = (bytes: string): number => {
                isWithin = true
                wish = 0
                onData(bytes)
                isWithin = false
                return wish
            }
            return request!(method, url, headers, body, whenHead, whenData, onEnd) as number
        },
        abort(handle) {
            if (isWithin) wish = -1
            else abort!(handle)
        },
        pause(_, delayMs) {
            wish = delayMs
        },
    }
}

describe.each(VERSIONS)("Lua %s", version => {
    regionSuite(`an ESP8266 with Lua ${version}`, () => {
        const { modules, sizeBytes } = startCore(version)
        return {
            region: Object.assign(modules["flash"]!, { ...UNITS, sizeBytes }) as unknown as Region,
            stage: Object.assign(modules["stage"]!, { hasCrc32: false }) as unknown as Stage,
        }
    })

    httpSuite(`an ESP8266 with Lua ${version}`, () => wiredHttp(startCore(version)))
})
