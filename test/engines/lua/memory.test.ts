// What an update costs in Lua: memory per chunk with the collector stopped, and time against the least that any updater does.

import { seededBytes, imageOf } from "../../firmware/images"
import { createRig, install, updateOptions, type Rig } from "../../firmware/core"
import { createDisk, openFile } from "../../../host/board/engines/lua/disk"
import type { LuaFile } from "../../../host/board/engines/lua/calls"
import type { LuaVersion } from "../../../host/board/engines/lua/machine"
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

/** Bytes that a block may cost: a hash object and the digests; on 5.3, which keeps no long string twice, also what was read back. */
const BLOCK_COST: Record<LuaVersion, number> = { "5.1": 320, "5.3": 4700 }

describe.each(["5.1", "5.3"] as const)("memory on Lua %s", version => {
    test.each([512, 1024])("chunks of %i bytes: nothing, but for hash and read-back of each block", chunkBytes => {
        const { core, rig } = startWith(version, alignedImage())
        const found = figures(core, rig, FEED(chunkBytes))
        console.info(`Lua ${version}, chunks of ${chunkBytes}: ${JSON.stringify(found)}`)
        const blocks = Math.ceil((found.chunks! * chunkBytes) / 4096) + 1
        expect(found.status).toBe(1)
        expect(found.quiet).toBeGreaterThanOrEqual(found.chunks! - blocks)
        expect(found.total! / blocks).toBeLessThan(BLOCK_COST[version])
    })
})

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
function whole()
  local create, process = __exports["updater.updaterContextCreate"], __exports["updater.updaterProcess"]
  local abort = __exports["updater.updaterAbort"]
  round = (round or 0) + 1
  create({ identity = "round " .. round, updateId = "u", commitTimeoutS = 60, sizeBytes = 0, ignoreSameVersion = false })
  local status = 0
  for k = 1, #chunks do status = process(chunks[k]) end
  abort()
  if status ~= 1 then error("refused: " .. status) end
end
`

test("on Lua 5.1 the floor of write, hash and read-back and the updater both take the image; their ratio is told", () => {
    const { core } = startWith("5.1", alignedImage())
    core.modules.updater!.updaterAbort!()
    expect(core.machine.run(FLOOR)).toBe("")
    const timeOf = (name: string): number => {
        const startMs = performance.now()
        expect(core.machine.call(name)).toBe("")
        return performance.now() - startMs
    }
    const ratios: number[] = []
    for (let round = 0; round < 15; round++) {
        const floorMs = timeOf("floor")
        ratios.push(timeOf("whole") / floorMs)
    }
    const ratio = ratios.slice(4).sort((a, b) => a - b)[5]!
    // A figure, not a verdict: machines are shared and noisy.
    console.info(`Lua 5.1: 256 KiB cost ${ratio.toFixed(2)} times the floor; goal: at most 1.5`)
})
