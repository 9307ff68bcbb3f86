// A Lua of the system (Debian's lua5.1 and lua5.3) in the place of the one in WebAssembly: a process, spoken to over two named pipes.

import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { DEVICE_NAME, type LuaFile, type LuaSystem } from "../../../host/board/engines/lua/calls"
import type { LuaMachine, LuaVersion } from "../../../host/board/engines/lua/machine"

/**
 * Lua's half. `io` is the board's: its files are asked for over the pipe, in requests of the device's form; digits are the machine's
 * own operations. A text or a call that has come to its end answers "0", its message behind it.
 */
const MAIN = String.raw`
local inp, out = assert(io.open(arg[1], "r")), assert(io.open(arg[2], "w"))
local compile = loadstring or load
local function number()
  local value = inp:read("*n")
  inp:read(1)
  return value
end
local function ask(op, a, b, text)
  out:write(op, " ", a, " ", b, " ", #text, "\n", text)
  out:flush()
  return number()
end
local File = {}
File.__index = File
function File:read(count)
  local length = ask("2", self.fd, count, "")
  if length > 0 then return inp:read(length) end
end
function File:write(text)
  if ask("3", self.fd, 0, text) == #text then return self end
end
function File:seek(whence, offset) return ask("4", self.fd, whence == "end" and 1 or 0, tostring(offset)) end
function File:flush() return self end
function File:close() return true end
local device = { setvbuf = function() end, write = function(_, ...) out:write(...) end, flush = function() out:flush() end,
  read = function(_, what) return inp:read(what) end }
local stdout = io.stdout
io = { stdout = stdout, open = function(name)
  if name == "${DEVICE_NAME}" then return device end
  local fd = ask("1", 0, 0, name)
  if fd >= 0 then return setmetatable({ fd = fd }, File) end
end }
function print(text) ask("5", 0, 0, tostring(text)) end
while true do
  local kind, length = inp:read(1), number()
  if not kind then return end
  local text = inp:read(length)
  local run, message
  if kind == "c" then run = _G[text] else run, message = compile(text) end
  local isGood = run ~= nil
  if run then isGood, message = pcall(run) end
  message = isGood and "" or tostring(message)
  out:write("0 0 0 ", #message, "\n", message)
  out:flush()
end
`

const CHUNK_BYTES = 65536

/** Path of the system's Lua of a version; "" when there is none. */
export function findNativeLua(version: LuaVersion): string {
    const folders = (process.env["PATH"] ?? "").split(delimiter).filter(folder => folder !== "")
    return folders.map(folder => join(folder, `lua${version}`)).find(path => existsSync(path)) ?? ""
}

interface Pipes {
    readonly child: ChildProcess
    readonly toLua: number
    readonly fromLua: number
    close(): void
}

function startProcess(path: string): Pipes {
    const folder = mkdtempSync(join(tmpdir(), "otary-native-lua-"))
    const [script, input, output] = ["main.lua", "in", "out"].map(name => join(folder, name)) as [string, string, string]
    writeFileSync(script, MAIN)
    if (spawnSync("mkfifo", [input, output]).status !== 0) throw new Error("mkfifo: no named pipes here")
    const child = spawn(path, [script, input, output], { stdio: ["ignore", "ignore", "inherit"] })
    child.unref()
    const toLua = openSync(input, "w")
    const fromLua = openSync(output, "r")
    rmSync(folder, { recursive: true })
    const close = (): void => {
        closeSync(toLua)
        closeSync(fromLua)
    }
    return { child, toLua, fromLua, close }
}

/** Requests as they come: `op a b length\n` and the bytes. Waits for each. */
function createReader(fd: number): () => { readonly op: string; readonly a: number; readonly b: number; readonly bytes: Buffer } {
    let held: Buffer = Buffer.alloc(0)
    const more = (): void => {
        const piece = Buffer.alloc(CHUNK_BYTES)
        const count = readSync(fd, piece)
        if (count === 0) throw new Error("native Lua: the process has ended")
        held = Buffer.concat([held, piece.subarray(0, count)])
    }
    return () => {
        while (!held.includes(10)) more()
        const lineEnd = held.indexOf(10)
        const [op = "", a, b, length] = held.toString("latin1", 0, lineEnd).split(" ")
        const end = lineEnd + 1 + Number(length)
        while (held.length < end) more()
        const bytes = Buffer.from(held.subarray(lineEnd + 1, end))
        held = held.subarray(end)
        return { op, a: Number(a), b: Number(b), bytes }
    }
}

/** Operations on files. */
function createFiles(system: LuaSystem, answer: (value: number, bytes?: Uint8Array) => void) {
    const files: { readonly file: LuaFile; at: number }[] = []
    return (op: string, a: number, b: number, bytes: Buffer): boolean => {
        const open = files[a]
        if (op === "1") {
            const file = system.open(bytes.toString("latin1"), false, false)
            answer(file === undefined ? -1 : files.push({ file, at: 0 }) - 1)
        } else if (op === "2") {
            const target = Buffer.alloc(b)
            const count = Math.max(0, open!.file.read(open!.at, target))
            open!.at += count
            answer(count, target.subarray(0, count))
        } else if (op === "3") {
            const count = open!.file.write(open!.at, bytes)
            open!.at += Math.max(0, count)
            answer(count)
        } else if (op === "4") {
            open!.at = (b === 1 ? open!.file.size() : 0) + Number(bytes.toString())
            answer(open!.at)
        } else if (op === "5") {
            system.console(`${bytes.toString("latin1")}\n`)
            answer(0)
        } else return false
        return true
    }
}

/** Starts a process; it ends when its machine is closed. Snapshots are for memories that can be read: not these. */
export function createNativeMachine(version: LuaVersion, system: LuaSystem): LuaMachine & { close(this: void): void } {
    const { toLua, fromLua, close } = startProcess(findNativeLua(version))
    const next = createReader(fromLua)
    const send = (bytes: Uint8Array): void => {
        for (let at = 0; at < bytes.length;) at += writeSync(toLua, bytes, at)
    }
    const answer = (value: number, bytes: Uint8Array = new Uint8Array(0)): void =>
        send(Buffer.concat([Buffer.from(`${value} `), bytes]))
    const fileCall = createFiles(system, answer)
    /** Hands on what the device has to say: replies, and the event of a call. */
    const drain = (): void => {
        const piece = Buffer.alloc(CHUNK_BYTES)
        for (let count = system.device.read(0, piece); count > 0; count = system.device.read(0, piece)) {
            send(piece.subarray(0, count))
        }
    }
    const command = (kind: string, text: string): string => {
        send(Buffer.from(`${kind}${text.length} ${text}`, "latin1"))
        drain()
        for (;;) {
            const { op, a, b, bytes } = next()
            if (op === "0") return bytes.toString("latin1")
            if (fileCall(op, a, b, bytes)) continue
            system.device.write(0, Buffer.concat([Buffer.from(`${op} ${a} ${b} ${bytes.length}\n`), bytes]))
            drain()
        }
    }
    const refuse = (): never => {
        throw new Error("native Lua: no snapshots")
    }
    return {
        run: text => command("r", text),
        call: name => command("c", name),
        countHeap: refuse,
        snapshot: refuse,
        renew: refuse,
        close,
    }
}
