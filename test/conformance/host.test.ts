// The host's shims against the contracts of the ports.

import { boardPaths } from "../../host/board/board-folder"
import { openFlashFile, writeFlashFile } from "../../host/board/flash-file"
import { makeLayout } from "../../host/board/layout"
import { createSession } from "../../host/board/session"
import { createRealClock, createVirtualClock } from "../../shims/host/clock"
import type { Flash } from "../../shims/host/hardware"
import { hostPorts } from "../../shims/host/main"
import { createHttp } from "../../shims/host/net"
import { createNorFlash } from "../../shims/host/nor-flash"
import { sha256 } from "../../shims/host/stage"
import { makeFolder } from "../board/board-fixture"
import { clockSuite } from "./clock-suite"
import { httpSuite } from "./http-suite"
import { regionSuite } from "./region-suite"

const GEOMETRIES = [
    { eraseBytes: 4096, programBytes: 16 },
    { eraseBytes: 1024, programBytes: 1 },
    { eraseBytes: 65536, programBytes: 256, appBytes: 131072, journalBytes: 65536, loaderBytes: 65536 },
]

function portsOver(flash: Flash, layout: ReturnType<typeof makeLayout>): ReturnType<typeof hostPorts> {
    const clock = createVirtualClock()
    const nothing = (): void => undefined
    return hostPorts({
        layout: layout.regions,
        flash,
        clock,
        http: createHttp(clock),
        sha256,
        random: () => 0,
        reset: nothing,
        watchdog: nothing,
        log: nothing,
        run: nothing,
    })
}

for (const geometry of GEOMETRIES) {
    const layout = makeLayout(geometry)
    regionSuite(`the host, units ${layout.eraseBytes}/${layout.programBytes}, in memory`, () => {
        const ports = portsOver(createNorFlash(layout), layout)
        return { region: ports.app[1]!, stage: ports.stage }
    })
}

regionSuite("the host, in a file", () => {
    const layout = makeLayout()
    const folder = makeFolder()
    const { flash: path } = boardPaths(folder.path)
    const blank = createNorFlash(layout)
    writeFlashFile(path, blank.array, blank.eraseCounts)
    const file = openFlashFile(path, layout.sizeBytes, layout.eraseBytes)
    const ports = portsOver(createNorFlash({ ...layout, store: file.store }), layout)
    const close = (): void => {
        file.close()
        folder.remove()
    }
    return { region: ports.files[0]!, stage: ports.stage, close }
})

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

clockSuite("the host, real", () => ({ clock: createRealClock(), wait: sleep }))
clockSuite("the host, virtual", () => {
    const clock = createVirtualClock()
    return { clock, wait: async ms => clock.advance(ms) }
})

const rethrow = (error: unknown): void => {
    throw error
}

clockSuite("a board's boot", () => {
    const clock = createVirtualClock()
    clock.advance(0x7ffffff0)
    const session = createSession({ clock, http: createHttp(clock) }, clock.upMs(), rethrow)
    return { clock: session.clock, wait: async ms => clock.advance(ms) }
})

httpSuite("the host", () => createHttp(createRealClock()))
httpSuite("a board's boot", () => {
    const clock = createRealClock()
    return createSession({ clock, http: createHttp(clock) }, clock.upMs(), rethrow).http
})
