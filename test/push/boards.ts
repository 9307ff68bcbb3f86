// The same app on a board of each engine: packed, installed as a factory does it, and run in a process under its supervisor.

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleEspruinoLoader } from "../../build/bundle-espruino"
import { bundleLoader } from "../../build/bundle-host"
import { bundleNodemcuLoader } from "../../build/bundle-nodemcu"
import { packFolder } from "../../build/pack"
import { projectRoot } from "../../build/root"
import { readSettings, writeSettings } from "../../host/board/board-folder"
import { manufactureEspruino } from "../../host/board/engines/espruino-factory"
import { ESPRUINO_MODELS, espruinoLayout } from "../../host/board/engines/espruino-layout"
import { manufacture } from "../../host/board/factory"
import type { BoardMessage } from "../../host/board/messages"
import { createSupervisor } from "../../host/board/supervisor"
import { buildChild } from "../board/board-fixture"
import { ESPRUINO } from "../engines/espruino/real"

/** What runs a board's code. */
export type Engine = "host" | "lua 5.1" | "lua 5.3" | "espruino"

/** The engines that are there; the real Espruino says itself when it is not. */
export const ENGINES: readonly Engine[] = ["host", "lua 5.1", "lua 5.3", ...(ESPRUINO === "" ? [] : ["espruino" as const])]

const TARGETS = { host: "host", "lua 5.1": "nodemcu", "lua 5.3": "nodemcu", espruino: "espruino" } as const
/** What an Espruino for Linux has room for. */
const ESPRUINO_ROOM = { appSlotBytes: 90112, filesAreaBytes: 16384 }

/** Packs an app that says its version, in a folder below `home`. */
export async function packVersion(home: string, engine: Engine, version: string, config: object): Promise<Buffer> {
    const folder = join(home, `app-${TARGETS[engine]}-${version}`)
    mkdirSync(folder, { recursive: true })
    const room = engine === "espruino" ? ESPRUINO_ROOM : {}
    writeFileSync(join(folder, "otary.json5"), JSON.stringify({ name: "test", version, target: TARGETS[engine], ...room }))
    writeFileSync(join(folder, "config.json5"), JSON.stringify(config))
    writeFileSync(join(folder, "app.ts"), `import { log } from "otary"\nlog("app ${version}")\n`)
    return (await packFolder(folder)).bytes
}

async function install(folder: string, engine: Engine, image: Buffer, cloud: string): Promise<void> {
    const identity = { id: "DEV1", product: "p1", cloud, attributes: {} }
    if (engine === "espruino") {
        const loader = (await bundleEspruinoLoader(espruinoLayout(ESPRUINO_MODELS.linux))).toString("latin1")
        return manufactureEspruino(folder, { identity, loader, image })
    }
    if (engine === "host") return manufacture(folder, { identity, loader: (await bundleLoader()).toString("latin1"), image })
    const loader = bundleNodemcuLoader().toString("latin1")
    manufacture(folder, { identity, loader, image, engine: "lua", platform: "nodemcu" })
    writeSettings(folder, { ...readSettings(folder), luaVersion: engine === "lua 5.3" ? "5.3" : "5.1" })
}

/** A board that runs. */
export interface RunningBoard {
    readonly folder: string
    lines(this: void): string[]
    /** Versions of the boots so far. */
    versions(this: void): unknown[]
    events(this: void, name: string): unknown[]
    stop(this: void): Promise<void>
}

/** Builds the process of boards. Within the project, so that it finds its packages. Returns its path. */
export function buildBoards(): string {
    const folder = join(projectRoot(), "dist", `test-push-${process.pid}`)
    mkdirSync(folder, { recursive: true })
    return buildChild(folder)
}

/** Makes a board in `folder` and starts it; `childPath` is what buildBoards gave. */
export async function startBoard(
    folder: string,
    engine: Engine,
    image: Buffer,
    cloud: string,
    childPath: string,
): Promise<RunningBoard> {
    await install(folder, engine, image, cloud)
    const messages: BoardMessage[] = []
    const supervisor = createSupervisor({
        folder,
        childPath,
        graceMs: 300,
        onMessage: message => void messages.push(message),
    })
    supervisor.start()
    const events = (name: string): unknown[] =>
        messages.flatMap(one => (one.kind === "event" && one.name === name ? [one.value] : []))
    return {
        folder,
        lines: () => messages.flatMap(one => (one.kind === "log" ? [one.line] : [])),
        versions: () => events("version"),
        events,
        stop: () => supervisor.stop(),
    }
}
