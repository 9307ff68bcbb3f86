// Bundles for Espruino: shim, agent and app as one script for an app slot, and the boot loader `.boot0`.

import { readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join, resolve } from "node:path"
import { build, transform, type BuildOptions, type Message, type Plugin } from "esbuild"
import type { EspruinoLayout } from "../shims/espruino/layout"
import type { BundleConstants } from "./bundle-host"
import { PackError } from "./errors"
import { assembleCold, splitCold } from "./espruino-lazy"
import { nestFunctions } from "./espruino-nest"
import { APART, RESIDENT } from "./espruino-resident"
import { checkBundle, checkLanguage, ESPRUINO_MODULES } from "./language-check"
import { inlineConstants } from "./espruino-constants"
import { inlineHot, inlineSeldom } from "./espruino-inline"
import { shortenedProperties } from "./espruino-mangle"
import { inlinePorts } from "./espruino-ports"
import { moveSingles } from "./espruino-single"
import { shorten } from "./espruino-short"
import { tokenise } from "./espruino-tokens"
import { shortSources } from "./espruino-types"
import { isPropertyName, parseScript, walk } from "./js-tree"
import { roomsText } from "./rooms"
import { projectRoot } from "./root"

/** How small a bundle is made: `false` leaves it readable, for comparisons. */
export interface EspruinoBundleOptions {
    readonly minify?: boolean
    /** `false` keeps the names of properties, for tests that look into the core's objects. */
    readonly mangle?: boolean
    /** Whether the script runs out of an app slot: functions that are seldom called then stay there until they are. */
    readonly isFromSlot?: boolean
    /** Whether the image names no keys: what checks signatures is left out. */
    readonly isUnsigned?: boolean
}

const START = `import "otary:ports"\nimport "otary:agent"\nimport "otary:app"\n`
const STEPS: Record<string, string> = {
    "otary:ports": `import { espruinoMain } from "./shims/espruino/main"\nespruinoMain()\n`,
    "otary:agent": `import { agentStart } from "./firmware/agent"\nagentStart()\n`,
}
const LOADER = `import "./shims/espruino/loader"\n`
/**
 * Behind the loader, outside its functions: what ran the loader is gone from RAM when the image starts, and an image that throws
 * is reset.
 */
const LOADER_TAIL =
    `if(otary.bytes)try{eval(require("Storage").read(otary.file,otary.at,otary.bytes))}catch(e){print("panic: "+e);otary.bytes=-1}\n` +
    `if(otary.bytes<0)E.reboot()`

/** Folders whose functions may be marked @hot, or @resident where what they make new is the platform's business. */
const HOT_FOLDERS = ["firmware", "shims/espruino"]

/** Names of all functions so marked. */
function hotFunctions(root: string): Set<string> {
    const hot = new Set<string>(RESIDENT)
    for (const folder of HOT_FOLDERS) {
        for (const file of readdirSync(join(root, folder)).filter(name => name.endsWith(".ts"))) {
            const text = readFileSync(join(root, folder, file), "utf8")
            for (const match of text.matchAll(/@(?:hot|resident)\s*\*\/\s*(?:export )?function (\w+)/g)) hot.add(match[1]!)
        }
    }
    return hot
}

/** JSON whose texts are UTF-8 bytes, one a character (firmware/ports.ts, Bytes). */
function jsonInBytes(value: unknown): string {
    return Buffer.from(JSON.stringify(value), "utf8").toString("latin1")
}

/** Serves the steps of START, leaves Espruino's own modules to Espruino, and notes the app's own files. */
function startPlugin(root: string, appPath: string, isUnsigned: boolean): Plugin {
    const sources = shortSources(root)
    return {
        name: "otary-start",
        setup(plugin) {
            plugin.onResolve({ filter: /^otary:/ }, ({ path }) =>
                path === "otary:app" ? { path: resolve(appPath) } : { path, namespace: "otary", sideEffects: true },
            )
            if (isUnsigned) plugin.onResolve({ filter: /^\.\/signature$/ }, () => ({ path: join(root, "firmware/unsigned.ts") }))
            plugin.onResolve({ filter: /^\.\/hex$/ }, ({ importer }) =>
                importer.startsWith(join(root, "firmware")) ? { path: join(root, "shims/espruino/hex.ts") } : undefined,
            )
            plugin.onLoad({ filter: /\.ts$/ }, ({ path }) => {
                const contents = sources.get(path)
                return contents === undefined ? undefined : { contents, loader: "ts" }
            })
            plugin.onLoad({ filter: /./, namespace: "otary" }, ({ path }) => ({ contents: STEPS[path]!, resolveDir: root }))
            plugin.onResolve({ filter: /^\w+$/ }, ({ path, kind }) => {
                if (kind === "require-call" && ESPRUINO_MODULES.has(path)) return { path, external: true }
                if (!isBuiltin(path)) return undefined
                return { errors: [{ text: `"${path}" is a module of Node, and a board has none` }] }
            })
        },
    }
}

function commonOptions(root: string): BuildOptions {
    return {
        absWorkingDir: root,
        bundle: true,
        write: false,
        outfile: "bundle.js",
        logLevel: "silent",
        platform: "neutral",
        mainFields: ["module", "main"],
        format: "cjs",
        target: "es2015",
        // What esbuild would lower to something that Espruino lacks as well (or leave alone, being ES2015).
        supported: {
            destructuring: false,
            "default-argument": false,
            "rest-argument": false,
            "array-spread": false,
            generator: false,
            "async-await": false,
        },
        charset: "ascii",
        legalComments: "none",
        sourcemap: "external",
        tsconfigRaw: {},
        alias: { otary: resolve(root, "firmware/api.ts") },
    }
}

function messageText({ text, location }: Message): string {
    return location === null ? text : `${location.file}:${location.line}:${location.column + 1}: ${text}`
}

/** A flat script and its source map. */
interface Flat {
    readonly code: string
    readonly map: string
    /** Text of all files outside firmware/ and shims/. */
    readonly appText: string
    /** Names of the functions that come from firmware/ and shims/. */
    readonly ownNames: ReadonlySet<string>
}

async function flatten(options: BuildOptions): Promise<Flat> {
    try {
        const { outputFiles } = await build(options)
        const map = outputFiles!.find(file => file.path.endsWith(".map"))!.text
        const code = outputFiles!.find(file => file.path.endsWith(".js"))!.text
        const { sources, sourcesContent } = JSON.parse(map) as { sources: string[]; sourcesContent: string[] }
        const own = sourcesContent.filter((_, index) => !/^(firmware|shims\/espruino)\//.test(sources[index]!))
        return { code, map, appText: own.join("\n"), ownNames: ownFunctions(code) }
    } catch (error) {
        const errors = (error as { errors?: Message[] }).errors
        if (errors === undefined) throw error
        const hint = "mend the app; docs/boards.md says which JavaScript Espruino runs, and a board has no Node modules"
        throw new PackError("PACK_BUNDLE", errors.slice(0, 5).map(messageText).join("\n"), hint)
    }
}

/** Names of functions in the sections of a flat script, each headed by its file, that come from the project. */
function ownFunctions(code: string): Set<string> {
    const sections = code.split(/^\/\/ (?=\S+$)/m).filter(section => /^(firmware|shims\/espruino)\//.test(section))
    return new Set(sections.flatMap(section => [...section.matchAll(/^function (\w+)/gm)].map(([, name]) => name!)))
}

/** `of` is a reserved word in Espruino (so is `static`, in every strict script), and a name that minifiers come to. */
function renameReserved(code: string): string {
    const program = parseScript(code)
    const places: number[] = []
    walk(program, (node, parents) => {
        if (node.type === "Identifier" && node["name"] === "of" && !isPropertyName(node, parents.at(-1))) places.push(node.start)
    })
    let free = "o$"
    while (code.includes(free)) free += "$"
    return places.sort((a, b) => b - a).reduce((text, at) => text.slice(0, at) + free + text.slice(at + 2), code)
}

const FORM = { platform: "neutral", target: "es2015", charset: "ascii" } as const

/**
 * Branches that cannot be taken, and what nothing uses any more, are gone. Properties are shortened at the same time: a name in quotes
 * stays, and minifiers take the quotes away.
 */
async function fold(code: string, mangleProps?: RegExp): Promise<string> {
    const result = await transform(code, {
        ...FORM,
        format: "cjs",
        treeShaking: true,
        minifySyntax: true,
        ...(mangleProps !== undefined && { mangleProps }),
    })
    return result.code
}

async function finish(root: string, flat: Flat, options: EspruinoBundleOptions): Promise<string> {
    checkLanguage(flat.code, flat.map)
    const isSmall = options.minify ?? true
    const isMangled = isSmall && options.mangle !== false
    const hot = hotFunctions(root)
    const isOwn = (name: string): boolean => flat.ownNames.has(name)
    const isCold = options.isFromSlot === true && isSmall
    const called = inlineHot(inlineConstants(inlinePorts(flat.code)), hot)
    const isSeldom = (name: string): boolean => isOwn(name) && !hot.has(name)
    const isMovable = (name: string): boolean => isSeldom(name) && !APART.includes(name)
    const plain = isCold ? moveSingles(inlineSeldom(called, isSeldom), isMovable, isSeldom) : called
    const mangled = isMangled ? new RegExp(`^(${shortenedProperties(root, flat.appText).join("|")})$`) : undefined
    // What folding shows to be constant folds more.
    const folded = await fold(inlineConstants(await fold(plain, mangled)))
    const nested = nestFunctions(folded, hot, APART)
    const split = isCold ? splitCold(nested, hot, isOwn) : nested
    const short = isCold ? shorten(split, isOwn) : split
    const { code } = await transform(short, { ...FORM, format: "iife", minify: isSmall })
    const named = renameReserved(code.trimEnd())
    const inForm = (form: (text: string) => string): string => (isCold ? assembleCold(named, form) : form(named))
    const finished = inForm(text => text)
    checkBundle(finished)
    return isSmall ? inForm(tokenise) : finished
}

/**
 * A script of its own out of TypeScript text that imports from the project's folder, such as `./firmware/updater`. `define` names
 * constants. Throws PACK_BUNDLE with file, line and column for whatever Espruino 2v29 cannot run.
 */
export async function bundleEspruinoScript(
    text: string,
    define: Readonly<Record<string, string>>,
    options: EspruinoBundleOptions & { readonly appPath?: string } = {},
): Promise<Buffer> {
    const root = projectRoot()
    const flat = await flatten({
        ...commonOptions(root),
        stdin: { contents: text, resolveDir: root, sourcefile: "start.ts", loader: "ts" },
        plugins: [startPlugin(root, options.appPath ?? "", options.isUnsigned === true)],
        define: { ...define },
    })
    return Buffer.from(await finish(root, flat, options), "latin1")
}

/** JavaScript in tokens (espruino-tokens.ts) that Espruino runs out of an app slot. `appPath` is app.ts or app.js. Throws as above. */
export async function bundleEspruinoApp(
    appPath: string,
    { image, device, config }: BundleConstants,
    options: EspruinoBundleOptions = {},
): Promise<Buffer> {
    const define = {
        __OTARY_IMAGE__: JSON.stringify(image),
        __OTARY_DEVICE__: jsonInBytes(device),
        __OTARY_CONFIG__: jsonInBytes(config),
    }
    const isUnsigned = image.keys === undefined && image.sig_req_mask === undefined
    return bundleEspruinoScript(START + roomsText("espruino", config), define, {
        isUnsigned,
        isFromSlot: true,
        ...options,
        appPath,
    })
}

/** The boot loader for a layout: JavaScript, in tokens but for its last lines, written to a board's `.boot0` once and never updated. */
export async function bundleEspruinoLoader(layout: EspruinoLayout, options: EspruinoBundleOptions = {}): Promise<Buffer> {
    const script = await bundleEspruinoScript(LOADER, { __OTARY_LAYOUT__: JSON.stringify(layout) }, options)
    return Buffer.concat([script, Buffer.from(`\n${LOADER_TAIL}`, "latin1")])
}
