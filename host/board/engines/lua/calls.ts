// System calls of a Lua machine: its C library opens, reads, seeks and writes here.

/** A file of the board, open by name. */
export interface LuaFile {
    /** Size in bytes now. */
    size(this: void): number
    /** Reads into `target`; returns the bytes read, 0 at the end, -1 for an error. */
    read(this: void, offset: number, target: Uint8Array): number
    /** Writes all of `source`; returns the bytes written, -1 for an error. */
    write(this: void, offset: number, source: Uint8Array): number
}

/** What a machine runs on. */
export interface LuaSystem {
    /** Opens a file; undefined when there is none and `isNew` is false, or when it cannot be made. */
    open(this: void, name: string, isNew: boolean, isEmptied: boolean): LuaFile | undefined
    remove(this: void, name: string): boolean
    rename(this: void, from: string, to: string): boolean
    /** A piece of what the machine prints. */
    console(this: void, text: string): void
    /** The device of the board's modules: what Lua writes to it, and what it answers. */
    device: LuaFile
}

/** Name of the device among the files. */
export const DEVICE_NAME = "/dev/board"

/** The table of open files has a few places on real boards, too. */
const FILES_MAX = 16
const FIRST_FD = 3
// Linux's numbers, which the C library was built with.
const EIO = 29
const ENOENT = 44
const EMFILE = 33
const EBADF = 8
const O_CREAT = 0x40
const O_TRUNC = 0x200
const SEEK_SET = 0
const SEEK_CUR = 1

interface Open {
    readonly name: string
    readonly file: LuaFile
    offset: number
}

type Call = (this: void, ...values: number[]) => number

function textAt(buffer: ArrayBuffer, pointer: number): string {
    const heap = new Uint8Array(buffer)
    return Buffer.from(heap.subarray(pointer, heap.indexOf(0, pointer))).toString("latin1")
}

/** The pieces of an iovec array: pointer and length, 32 bits each. */
function pieces(buffer: ArrayBuffer, vector: number, count: number): Uint8Array[] {
    const list = new Uint32Array(buffer, vector, count * 2)
    const result: Uint8Array[] = []
    for (let at = 0; at < list.length; at += 2) result.push(new Uint8Array(buffer, list[at], list[at + 1]))
    return result
}

/** Reads or writes piece by piece; returns the bytes in all, or -1. */
function transfer(open: Open, list: Uint8Array[], isWrite: boolean): number {
    let total = 0
    for (const piece of list) {
        if (piece.length === 0) continue
        const count = isWrite ? open.file.write(open.offset, piece) : open.file.read(open.offset, piece)
        if (count < 0) return -1
        open.offset += count
        total += count
        if (count < piece.length) break
    }
    return total
}

function openByName(system: LuaSystem, name: string, isNew: boolean, isEmptied: boolean): LuaFile | undefined {
    return name === DEVICE_NAME ? system.device : system.open(name, isNew, isEmptied)
}

/** Calls that answer with a descriptor, 0, or a negative error number (Linux's convention). */
function pathCalls(system: LuaSystem, files: (Open | undefined)[], heap: () => ArrayBuffer): Record<string, Call> {
    // loadfile opens bytecode a second time, in place of the first.
    const duplicate: Call = (from, to) => {
        files[to!] = files[from!]
        return to!
    }
    return {
        ___sys_open(path, flags) {
            const name = textAt(heap(), path!)
            const place = files.findIndex((open, fd) => fd >= FIRST_FD && open === undefined)
            if (place < 0) return -EMFILE
            const file = openByName(system, name, (flags! & O_CREAT) !== 0, (flags! & O_TRUNC) !== 0)
            if (file === undefined) return -ENOENT
            files[place] = { name, file, offset: 0 }
            return place
        },
        ___sys_unlink: path => (system.remove(textAt(heap(), path!)) ? 0 : -ENOENT),
        ___sys_rename: (from, to) => (system.rename(textAt(heap(), from!), textAt(heap(), to!)) ? 0 : -ENOENT),
        ___sys_dup2: duplicate,
        ___sys_dup3: duplicate,
        ___sys_fcntl64: () => 0,
        ___sys_ioctl: () => 0,
    }
}

/** Calls that answer with 0 or an error number, their result at a pointer (WASI's convention). */
function fdCalls(system: LuaSystem, files: (Open | undefined)[], heap: () => ArrayBuffer): Record<string, Call> {
    const answer = (pointer: number, value: number): number => {
        if (value < 0) return EIO
        new Uint32Array(heap(), pointer, 1)[0] = value
        return 0
    }
    return {
        _fd_close(fd) {
            files[fd!] = undefined
            return 0
        },
        _fd_read(fd, vector, count, result) {
            const open = files[fd!]
            return open === undefined ? EBADF : answer(result!, transfer(open, pieces(heap(), vector!, count!), false))
        },
        _fd_write(fd, vector, count, result) {
            const list = pieces(heap(), vector!, count!)
            const open = files[fd!]
            if (open !== undefined) return answer(result!, transfer(open, list, true))
            for (const piece of list) system.console(Buffer.from(piece).toString("latin1"))
            return answer(
                result!,
                list.reduce((sum, { length }) => sum + length, 0),
            )
        },
        _fd_seek(fd, low, _high, whence, result) {
            const open = files[fd!]
            if (open === undefined) return EBADF
            const base = whence === SEEK_SET ? 0 : whence === SEEK_CUR ? open.offset : open.file.size()
            open.offset = base + low!
            new Uint32Array(heap(), result! + 4, 1)[0] = 0
            return answer(result!, open.offset)
        },
    }
}

/** The open files of a machine, for snapshots. */
export interface OpenFiles {
    names(this: void): (string | undefined)[]
    /** Opens files anew under the descriptors that they had, at their beginnings. */
    reopen(this: void, names: readonly (string | undefined)[]): void
}

/** The calls by the names that the C library's glue has for them. */
export function createCalls(
    system: LuaSystem,
    heap: () => ArrayBuffer,
): { readonly calls: Record<string, Call>; readonly openFiles: OpenFiles } {
    const files: (Open | undefined)[] = Array.from({ length: FIRST_FD + FILES_MAX }, () => undefined)
    const calls = { ...pathCalls(system, files, heap), ...fdCalls(system, files, heap), _system: () => -1 }
    const reopen = (names: readonly (string | undefined)[]): void => {
        names.forEach((name, fd) => {
            const file = name === undefined ? undefined : openByName(system, name, false, false)
            files[fd] = name === undefined || file === undefined ? undefined : { name, file, offset: 0 }
        })
    }
    return { calls, openFiles: { names: () => files.map(open => open?.name), reopen } }
}
