// What an update costs in Lua: memory per chunk with the collector stopped, and time against the least that any updater does.

import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import type { LuaFile } from "../../../host/board/engines/lua/calls"
import type { LuaVersion } from "../../../host/board/engines/lua/machine"
import { BLOCK_BYTES } from "../../../firmware/constants"
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

/** The image in chunks, and the least that any updater does for block `k` of their bytes: hash, write, read back. */
const FLOOR = (chunkBytes: number): string => `
local chunks, f = {}, io.open("image.bin", "r")
repeat
  local chunk = f:read(${chunkBytes})
  chunks[#chunks + 1] = chunk
until not chunk
f:close()
f = io.open("app1.bin", "r+")
local function floorBlock(k)
  local first = k * ${BLOCK_BYTES / chunkBytes}
  local last, same = first + ${BLOCK_BYTES / chunkBytes}, true
  local hash = crypto.new_hash("SHA256")
  for p = first + 1, last do hash:update(chunks[p]) end
  hash:finalize()
  f:seek("set", k * ${BLOCK_BYTES})
  for p = first + 1, last do f:write(chunks[p]) end
  f:flush()
  f:seek("set", k * ${BLOCK_BYTES})
  for p = first + 1, last do same = f:read(${chunkBytes}) == chunks[p] and same end
  if not same then error("floor: flash differs") end
end
local process, status = __exports["updater.updaterProcess"], 0
`

/** The floor's blocks begin elsewhere in the image than the part's, so that none of their hashes is there already. */
const ALLOCATION = `
local count, from, to, quiet = collectgarbage, 24, #chunks - 8, 0
for k = 1, from - 9 do process(chunks[k]) end
-- A full collection makes Lua's stack smaller; a block of warm-up, and it has its size again.
count() count() count("stop")
for k = from - 8, from - 1 do process(chunks[k]) end
local total = count("count")
for k = from, to do
  local before = count("count")
  process(chunks[k])
  if count("count") == before then quiet = quiet + 1 end
end
total = (count("count") - total) * 1024
for k = to + 1, #chunks do status = process(chunks[k]) end
local blocks, floor = to - from + 1 - quiet, 0
count() count() count("stop")
floorBlock(0)
floor = count("count")
for k = 1, blocks do floorBlock(k) end
floor = (count("count") - floor) * 1024
local figures = " quiet " .. quiet .. " blocks " .. blocks .. " total " .. total .. " floor " .. floor
print("status " .. status .. " chunks " .. to - from + 1 .. figures)
`

/** Bytes allocated while most of 256 KiB come in. */
export interface LuaAllocation {
    readonly status: number
    readonly chunks: number
    /** Chunks for which nothing at all was allocated. */
    readonly quiet: number
    /** Chunks that ended a block: all others. */
    readonly blocks: number
    /** For all chunks. */
    readonly total: number
    /** For hash, write and read-back of as many blocks, by the same natives and without the core. */
    readonly floor: number
}

/** Feeds an image in chunks of `chunkBytes`, the collector stopped after the warm-up. */
export function measureAllocation(version: LuaVersion, chunkBytes: number): LuaAllocation {
    const { core, rig } = startWith(version, alignedImage())
    return figures(core, rig, FLOOR(chunkBytes) + ALLOCATION) as unknown as LuaAllocation
}

/** A block's worth of work at a time, of the floor and of the updater. */
const COST = (chunkBytes: number): string => `
local create, round, at = __exports["updater.updaterContextCreate"], 0, 0
-- What was compiled for the image before is not there any more.
function floorStart() collectgarbage() collectgarbage() at = 0 end
function floorStep() floorBlock(at) at = at + 1 end
function coreStart()
  __exports["updater.updaterAbort"]()
  round, at = round + 1, 1
  create({ identity = "round " .. round, updateId = "u", commitTimeoutS = 60, sizeBytes = 0, ignoreSameVersion = false })
  collectgarbage() collectgarbage()
end
function manifest() process(chunks[1]) end
function coreStep()
  for k = at + 1, math.min(at + ${BLOCK_BYTES / chunkBytes}, #chunks) do status = process(chunks[k]) end
  at = at + ${BLOCK_BYTES / chunkBytes}
  if status < 0 or at >= #chunks and status ~= 1 then error("refused: " .. status) end
end
`

/** Times of one run, in ms. */
export interface LuaCost {
    readonly chunkBytes: number
    readonly floorMs: number
    /** The first chunk, which holds the manifest: parsed, and its CRC-32 computed, by modules that are Lua here and C on boards. */
    readonly manifestMs: number
    /** All other chunks. */
    readonly coreMs: number
    /** coreMs / floorMs */
    readonly ratio: number
}

const ROUNDS = 60
const FLOOR_STEPS = PART_BYTES / BLOCK_BYTES

/** A core with the functions of COST beside it. */
function startCost(chunkBytes: number): {
    readonly core: LuaCore
    readonly rig: Rig
    readonly call: (name: string) => void
    readonly coreSteps: number
} {
    const image = alignedImage()
    const { core, rig } = startWith("5.1", image)
    const must = (message: string): void => {
        if (message !== "") throw new Error(message)
    }
    must(core.machine.run(FLOOR(chunkBytes) + COST(chunkBytes)))
    const coreSteps = Math.ceil((image.length - chunkBytes) / BLOCK_BYTES)
    return { core, rig, call: name => must(core.machine.call(name)), coreSteps }
}

/**
 * 256 KiB in chunks of `chunkBytes` on Lua 5.1: the floor (hash, write, read back, and nothing else) and the updater in turn, each
 * from a heap that was just collected. Of each step counts the least of many rounds, since whatever else the machine does only adds.
 */
export function measureCost(chunkBytes: number): LuaCost {
    const { call, coreSteps } = startCost(chunkBytes)
    const infinite = (steps: number): number[] => Array.from({ length: steps }, () => Infinity)
    const least = { floorStep: infinite(FLOOR_STEPS), manifest: infinite(1), coreStep: infinite(coreSteps) }
    const run = (name: keyof typeof least): void =>
        least[name].forEach((ms, step) => {
            const startMs = performance.now()
            call(name)
            least[name][step] = Math.min(ms, performance.now() - startMs)
        })
    for (let round = 0; round < ROUNDS; round++) {
        call("floorStart")
        run("floorStep")
        call("coreStart")
        run("manifest")
        run("coreStep")
    }
    const sum = (list: number[]): number => list.reduce((total, ms) => total + ms, 0)
    const [floorMs, coreMs] = [sum(least.floorStep), sum(least.coreStep)]
    return { chunkBytes, floorMs, manifestMs: sum(least.manifest), coreMs, ratio: coreMs / floorMs }
}

const COUNT = (coreSteps: number): string => `
local function instructions(step, steps)
  local count = 0
  __sethook(function() count = count + 1 end, "", 1)
  for _ = 1, steps do step() end
  __sethook()
  return count
end
floorStart()
local floor = instructions(floorStep, ${FLOOR_STEPS})
coreStart()
manifest()
print("floor " .. floor .. " core " .. instructions(coreStep, ${coreSteps}))
`

/** Instructions of Lua's machine for 256 KiB, what is Lua in the emulated modules included: the same on every run and machine. */
export interface LuaInstructions {
    readonly floor: number
    /** For all chunks but the first. */
    readonly core: number
}

/** Counts what measureCost times. */
export function countInstructions(chunkBytes: number): LuaInstructions {
    const { core, rig, coreSteps } = startCost(chunkBytes)
    return figures(core, rig, COUNT(coreSteps)) as unknown as LuaInstructions
}
