// The demo's surroundings: a folder, a cloud and boards, given back in every way in which a demo can end.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { CliError } from "../cli-error"
import { startLocalCloud } from "../commands/cloud"
import type { Cloud } from "../../cloud/cloud"
import { forgetLocalCloud, writeLocalCloud } from "../local-cloud"
import type { Fleet } from "./fleet"

/** What a demo works in. */
export interface Lab {
    readonly cloud: Cloud
    /** Folder for the boards. */
    readonly boardsFolder: string
    /** Takes a fleet over, to stop it at the end. */
    adopt(this: void, fleet: Fleet): void
    /** Lets commands in `cwd` find the cloud. */
    announce(this: void, cwd: string): void
    /** Stops boards and cloud, and removes what was temporary. */
    close(this: void): Promise<void>
}

/** Where a lab is set up. */
export interface LabOptions {
    readonly cwd: string
    /** Folder to keep everything in, empty or absent; undefined takes a temporary one. */
    readonly data: string | undefined
    /** Port of the cloud; 0 takes any that is free. */
    readonly port: number
}

function keptFolder(path: string): string {
    if (existsSync(path) && readdirSync(path).length > 0) {
        throw new CliError("CLI_DEMO_FOLDER", `${path} holds something already`, "name an empty folder, or leave --data out")
    }
    mkdirSync(path, { recursive: true })
    return path
}

function temporaryFolder(): string {
    const path = mkdtempSync(join(tmpdir(), "otary-demo-"))
    // The database of a cloud that root starts runs as another user, which must get through.
    chmodSync(path, 0o711)
    return path
}

/** Runs every step, even after one that failed, and throws the first error at the end. */
async function runAll(steps: readonly (() => void | Promise<void>)[]): Promise<void> {
    const errors: unknown[] = []
    for (const step of steps) {
        try {
            await step()
        } catch (error) {
            errors.push(error)
        }
    }
    if (errors.length > 0) throw errors[0]
}

/** Sets a lab up. Errors: CliError CLI_DEMO_FOLDER, CLI_PORT_TAKEN, CLI_CLOUD_START; nothing is left then. */
export async function openLab({ cwd, data, port }: LabOptions): Promise<Lab> {
    const folder = data === undefined ? temporaryFolder() : keptFolder(resolve(cwd, data))
    const remove = (): void => {
        if (data === undefined) rmSync(folder, { recursive: true, force: true })
    }
    const cloudFolder = join(folder, "cloud")
    const cloud = await startLocalCloud({ dataDir: cloudFolder, port, log: "error" }).catch((error: unknown) => {
        remove()
        throw error
    })
    let fleet: Fleet | undefined
    return {
        cloud,
        boardsFolder: join(folder, "boards"),
        adopt: adopted => void (fleet = adopted),
        announce: noteFolder => writeLocalCloud(noteFolder, { url: cloud.url, data: cloudFolder }),
        close: () => runAll([() => forgetLocalCloud(cwd), () => fleet?.stop(), cloud.close, remove]),
    }
}
