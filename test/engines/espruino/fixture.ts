// Espruino boards for tests: images from small apps, a board in a folder with its supervisor, and everything that it told.

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleEspruinoLoader } from "../../../build/bundle-espruino"
import { packFolder } from "../../../build/pack"
import { manufactureEspruino } from "../../../host/board/engines/espruino-factory"
import { ESPRUINO_MODELS, espruinoLayout } from "../../../host/board/engines/espruino-layout"
import type { BoardMessage } from "../../../host/board/messages"
import { createSupervisor, type Supervisor } from "../../../host/board/supervisor"
import { buildChild } from "../../board/board-fixture"

/** What an image of a test is made of. */
export interface TestApp {
    readonly version: string
    /** app.js */
    readonly code?: string
    readonly files?: Readonly<Record<string, string>>
    readonly config?: Readonly<Record<string, unknown>>
}

/** A quick agent: checks in at once, and every second. */
const CONFIG = { first: 0, update: { period: 1, retry: 1 }, timeouts: { commit: 60, stall: 3 } }

/** Packs an app for Espruino in a folder below `home`. */
export async function packApp(home: string, app: TestApp): Promise<Buffer> {
    const folder = join(home, `app-${app.version}`)
    mkdirSync(join(folder, "files"), { recursive: true })
    const settings = { name: "test", version: app.version, target: "espruino", appSlotBytes: 90112, filesAreaBytes: 16384 }
    writeFileSync(join(folder, "otary.json5"), JSON.stringify(settings))
    writeFileSync(join(folder, "config.json5"), JSON.stringify({ ...CONFIG, ...app.config }))
    writeFileSync(join(folder, "app.js"), app.code ?? `import { log } from "otary"\nlog("app " + "${app.version}")`)
    for (const [name, text] of Object.entries(app.files ?? {})) writeFileSync(join(folder, "files", name), text)
    return (await packFolder(folder)).bytes
}

/** Makes a board in `folder` whose cloud is `cloud`. */
export async function installEspruino(folder: string, image: Buffer, cloud: string, product = "p1"): Promise<void> {
    const loader = (await bundleEspruinoLoader(espruinoLayout(ESPRUINO_MODELS.linux))).toString("latin1")
    await manufactureEspruino(folder, { identity: { id: "DEV1", product, cloud, attributes: {} }, loader, image })
}

/** A board under its supervisor. */
export interface TestBoard {
    readonly supervisor: Supervisor
    readonly messages: BoardMessage[]
    lines(): string[]
    /** Values of an event, such as "version". */
    events(name: string): (string | number)[]
}

/** Puts a supervisor over the board in `folder`, switched off. `build` is where its process is built. */
export function superviseBoard(folder: string, build: string, watchdogMsMax?: number): TestBoard {
    const messages: BoardMessage[] = []
    const supervisor = createSupervisor({
        folder,
        childPath: buildChild(build),
        graceMs: 300,
        ...(watchdogMsMax !== undefined && { watchdogMsMax }),
        onMessage: message => void messages.push(message),
    })
    return {
        supervisor,
        messages,
        lines: () => messages.flatMap(message => (message.kind === "log" ? [message.line] : [])),
        events: name => messages.flatMap(message => (message.kind === "event" && message.name === name ? [message.value] : [])),
    }
}
