// What an update costs in Lua: memory per chunk with the collector stopped, and time against the least that any updater does.

import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import type { LuaFile } from "../../../host/board/engines/lua/calls"
import type { LuaVersion } from "../../../host/board/engines/lua/machine"
import { createRig, install, updateOptions, type Rig } from "../../firmware/core"
import { imageOf, seededBytes } from "../../firmware/images"
import { startLuaCore, type LuaCore } from "./harness"

const PART_BYTES = 262144
const GEOMETRY = { appBytes: PART_BYTES, filesBytes: 8192, journalBytes: 65536 }

/** A file that holds what a test wants the machine to read. */
function fileOf(bytes: Buffer): LuaFile {
    return {
        size: () => bytes.length,
        read: (offset, target) => bytes.copy(target, 0, offset),
        write: () => -1,
    }
}

/** A core on a board that runs an image, with `image.bin` beside its flash. */
function startWith(version: LuaVersion, image: Buffer): { core: LuaCore; rig: Rig } {
    const rig = createRig(GEOMETRY)
    install(rig, seededBytes(5000, 1))
    const disk = createDisk(rig.flash)
    const core = startLuaCore({
        version,
        open: name => (name === "image.bin" ? fileOf(image) : openFile(disk, rig.layout.regions, name)),
        clock: rig.clock,
        log: line => void rig.lines.push(line),
        eraseBytes: 4096,
        programBytes: 16,
    })
    core.machine.run("__forget = true")
    core.modules.running!.runningInstall!({ name: "demo", version: "1.0.0", build_id: "b1", security: 0 })
    core.modules.files!.filesMount!()
    core.modules.updater!.updaterContextCreate!(updateOptions())
    return { core, rig }
}

/** Feeds the image from Lua itself and prints the figures as one line: name, value, name, value. */
function figures(core: LuaCore, rig: Rig, text: string): Record<string, number> {
    rig.lines.length = 0
    const message = core.machine.run(text)
    if (message !== "") throw new Error(message)
    const words = rig.lines.join(" ").split(" ")
    return Object.fromEntries(Array.from({ length: words.length / 2 }, (_, k) => [words[2 * k]!, Number(words[2 * k + 1])]))
}

/** The part begins at a whole chunk of the image, as it does in most of its blocks when chunks divide blocks: no string is cut. */
function alignedImage(): Buffer {
    const build = (pad: number): Buffer =>
        imageOf({
            app: seededBytes(PART_BYTES, 7),
            bend: entries => entries.map(entry => (entry.name === "app.js" ? { ...entry, extra: Buffer.alloc(pad) } : entry)),
        })
    const start = build(0).indexOf(seededBytes(64, 7))
    return build((1024 - (start % 1024)) % 1024)
}

const FEED = (chunkBytes: number): string => `
local process, chunks = __exports["updater.updaterProcess"], {}
local f = io.open("image.bin", "r")
repeat
  local chunk = f:read(${chunkBytes})
  chunks[#chunks + 1] = chunk
until not chunk
local count, between, atBlock, blocks, quiet = collectgarbage, 0, 0, 0, 0
local from, to, status = 24, #chunks - 8, 0
for k = 1, from - 1 do process(chunks[k]) end
count() count() count("stop")
local total = count("count")
for k = from, to do
  local before = count("count")
  process(chunks[k])
  local grown = (count("count") - before) * 1024
  if grown == 0 then quiet = quiet + 1
  elseif grown < 256 then between = between + grown
  else atBlock = atBlock + grown blocks = blocks + 1 end
end
total = (count("count") - total) * 1024
for k = to + 1, #chunks do status = process(chunks[k]) end
local sums = " quiet " .. quiet .. " between " .. between .. " blocks " .. blocks .. " atBlock " .. atBlock .. " total " .. total
print("status " .. status .. " chunks " .. to - from + 1 .. sums)
`

/** Bytes allocated while 256 KiB come in, by chunks. */
export interface LuaAllocation {
    readonly status: number
    readonly chunks: number
    /** Chunks for which nothing at all was allocated. */
    readonly quiet: number
    readonly total: number
}

/** Feeds an image in chunks of `chunkBytes`, the collector stopped after the warm-up. */
export function measureAllocation(version: LuaVersion, chunkBytes: number): LuaAllocation {
    const { core, rig } = startWith(version, alignedImage())
    return figures(core, rig, FEED(chunkBytes)) as unknown as LuaAllocation
}

const FLOOR = `
local f, chunks = io.open("image.bin", "r"), {}
repeat
  local chunk = f:read(1024)
  chunks[#chunks + 1] = chunk
until not chunk
f:close()
f = io.open("app1.bin", "r+")
function floor()
  local same = 0
  for k = 0, 252, 4 do
    local hash = crypto.new_hash("SHA256")
    for p = 1, 4 do hash:update(chunks[k + p]) end
    hash:finalize()
    f:seek("set", k * 1024)
    for p = 1, 4 do f:write(chunks[k + p]) end
    f:flush()
    f:seek("set", k * 1024)
    for p = 1, 4 do if f:read(1024) == chunks[k + p] then same = same + 1 end end
  end
  if same ~= 256 then error("floor: flash differs") end
end
local create, process = __exports["updater.updaterContextCreate"], __exports["updater.updaterProcess"]
local round, status = 0, 0
function before()
  __exports["updater.updaterAbort"]()
  round = round + 1
  create({ identity = "round " .. round, updateId = "u", commitTimeoutS = 60, sizeBytes = 0, ignoreSameVersion = false })
end
function manifest() status = process(chunks[1]) end
function rest()
  for k = 2, #chunks do status = process(chunks[k]) end
  if status ~= 1 then error("refused: " .. status) end
end
`

/** Times of one run, in ms: the least of many rounds, since whatever else the machine does only adds to them. */
export interface LuaCost {
    readonly floorMs: number
    /** The first chunk, which holds the manifest: parsed, its CRC-32 computed with a module `bit` that is Lua here and C on boards. */
    readonly manifestMs: number
    /** All other chunks. */
    readonly coreMs: number
    /** coreMs / floorMs */
    readonly ratio: number
}

const ROUNDS = 40

/** 256 KiB in chunks of 1024 bytes on Lua 5.1: the floor (write, hash, read back) and the updater in turn. */
export function measureCost(): LuaCost {
    const { core } = startWith("5.1", alignedImage())
    const must = (message: string): void => {
        if (message !== "") throw new Error(message)
    }
    must(core.machine.run(FLOOR))
    const least = { floor: Infinity, before: Infinity, manifest: Infinity, rest: Infinity }
    for (let round = 0; round < ROUNDS; round++) {
        for (const name of ["floor", "before", "manifest", "rest"] as const) {
            const startMs = performance.now()
            must(core.machine.call(name))
            least[name] = Math.min(least[name], performance.now() - startMs)
        }
    }
    return { floorMs: least.floor, manifestMs: least.manifest, coreMs: least.rest, ratio: least.rest / least.floor }
}
