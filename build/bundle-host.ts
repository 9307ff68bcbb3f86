// Bundles for the target `host`: shim, agent and app as one script for an app slot, and the boot loader.

import { resolve } from "node:path"
import { build, type BuildOptions, type Message, type Plugin } from "esbuild"
import { PackError } from "./errors"
import type { KeySettings } from "./key-settings"
import { roomsText } from "./rooms"
import { projectRoot } from "./root"

/** What becomes part of the bundle's code as constants. */
export interface BundleConstants {
    /** `__OTARY_IMAGE__`: what the running image says of itself; `security` is its counter, 0 without one. */
    readonly image: KeySettings & {
        readonly name: string
        readonly version: string
        readonly build_id: string
        readonly security: number
    }
    /** `__OTARY_DEVICE__`: default device properties. */
    readonly device: Record<string, unknown>
    /** `__OTARY_CONFIG__`: default configuration of the agent, durations in seconds. */
    readonly config: Record<string, unknown>
}

/** How small a bundle is made: `false` leaves it readable, for comparisons. */
export interface BundleOptions {
    readonly minify?: boolean
}

/**
 * The start of an image, in the order in which it runs: the platform's ports first, then the agent, so that an app that
 * fails at its start is still watched, then the app.
 */
const START = `import "otary:ports"\nimport "otary:agent"\nimport "otary:app"\n`

const STEPS: Record<string, string> = {
    "otary:ports": `import { hostMain } from "./shims/host/main"\nhostMain()\n`,
    "otary:agent": `import { agentStart } from "./firmware/agent"\nagentStart()\n`,
}

/** JSON whose texts are UTF-8 bytes, one a character: a board sends its strings byte by byte (firmware/ports.ts, Bytes). */
function jsonInBytes(value: unknown): string {
    return Buffer.from(JSON.stringify(value), "utf8").toString("latin1")
}

/** Serves the steps of START, which exist in memory only. */
function startPlugin(root: string, appPath: string): Plugin {
    return {
        name: "otary-start",
        setup(plugin) {
            plugin.onResolve({ filter: /^otary:/ }, ({ path }) =>
                path === "otary:app" ? { path: resolve(appPath) } : { path, namespace: "otary", sideEffects: true },
            )
            plugin.onLoad({ filter: /./, namespace: "otary" }, ({ path }) => ({ contents: STEPS[path]!, resolveDir: root }))
        },
    }
}

/** Options of every bundle. Names are kept so that a stack trace can be read; ASCII, because flash holds bytes. */
function commonOptions(root: string, options: BundleOptions): BuildOptions {
    const minify = options.minify ?? true
    return {
        absWorkingDir: root,
        bundle: true,
        write: false,
        logLevel: "silent",
        platform: "neutral",
        mainFields: ["module", "main"],
        format: "iife",
        target: "es2020",
        charset: "ascii",
        legalComments: "none",
        minifyWhitespace: minify,
        minifySyntax: minify,
        tsconfigRaw: {},
        alias: { otary: resolve(root, "firmware/api.ts") },
    }
}

function messageText({ text, location }: Message): string {
    return location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`
}

async function run(options: BuildOptions): Promise<Buffer> {
    try {
        const result = await build(options)
        return Buffer.from(result.outputFiles![0]!.contents)
    } catch (error) {
        const errors = (error as { errors?: Message[] }).errors
        if (errors === undefined) throw error
        const hint = "mend the app; a board has no Node modules, and only packages without them can be bundled"
        throw new PackError("PACK_BUNDLE", errors.slice(0, 5).map(messageText).join("\n"), hint)
    }
}

/**
 * The code of an app slot: ASCII JavaScript that a board evaluates. `appPath` is app.ts or app.js, which imports what it
 * needs from "otary". Throws PACK_BUNDLE with file, line and column.
 */
export async function bundleApp(appPath: string, constants: BundleConstants, options: BundleOptions = {}): Promise<Buffer> {
    const root = projectRoot()
    return run({
        ...commonOptions(root, options),
        stdin: { contents: START + roomsText("host", constants.config), resolveDir: root, sourcefile: "start.ts", loader: "ts" },
        plugins: [startPlugin(root, appPath)],
        define: {
            __OTARY_IMAGE__: JSON.stringify(constants.image),
            __OTARY_DEVICE__: jsonInBytes(constants.device),
            __OTARY_CONFIG__: jsonInBytes(constants.config),
        },
    })
}

/** The boot loader: ASCII JavaScript, written to a board once and never updated. */
export async function bundleLoader(options: BundleOptions = {}): Promise<Buffer> {
    const root = projectRoot()
    return run({ ...commonOptions(root, options), entryPoints: ["shims/host/loader.ts"] })
}
