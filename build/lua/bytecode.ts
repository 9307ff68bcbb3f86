// Lua 5.1's bytecode (lundump.c, ldump.c): measured, and stripped of its debug information as NodeMCU's compiler does it.

/** What a chunk of bytecode is made of. */
export interface BytecodeFigures {
    readonly stripped: Buffer
    readonly functions: number
    readonly instructions: number
    /** Most upvalues of one function: NodeMCU's Lua 5.1 allows 60. */
    readonly upvaluesMax: number
    /** Most local variables of one function at a time: NodeMCU's Lua 5.1 allows 50. */
    readonly localsMax: number
}

const HEADER_BYTES = 12
const INT_BYTES = 4
const NUMBER_BYTES = 8
const TYPE_BOOLEAN = 1
const TYPE_NUMBER = 3
const TYPE_STRING = 4

/** Walks a chunk and writes it anew without debug information. */
class Stripper {
    private at = HEADER_BYTES
    private readonly out: Buffer[]
    functions = 0
    instructions = 0
    upvaluesMax = 0
    localsMax = 0

    constructor(private readonly bytes: Buffer) {
        this.out = [bytes.subarray(0, HEADER_BYTES)]
    }

    stripped(): Buffer {
        this.walk()
        return Buffer.concat(this.out)
    }

    private int(): number {
        this.at += INT_BYTES
        return this.bytes.readUInt32LE(this.at - INT_BYTES)
    }

    private put(value: number): void {
        const int = Buffer.alloc(INT_BYTES)
        int.writeUInt32LE(value)
        this.out.push(int)
    }

    private copy(lengthBytes: number): void {
        this.out.push(this.bytes.subarray(this.at, this.at + lengthBytes))
        this.at += lengthBytes
    }

    private count(): number {
        const value = this.int()
        this.put(value)
        return value
    }

    private skipText(): void {
        const length = this.int()
        this.at += length
    }

    private constant(): void {
        const type = this.bytes[this.at]
        this.copy(1)
        if (type === TYPE_BOOLEAN) this.copy(1)
        if (type === TYPE_NUMBER) this.copy(NUMBER_BYTES)
        if (type === TYPE_STRING) this.copy(INT_BYTES + this.bytes.readUInt32LE(this.at))
    }

    private walk(): void {
        this.functions += 1
        this.skipText()
        this.put(0)
        // The lines of the function; upvalues, parameters, varargs, stack.
        this.copy(2 * INT_BYTES)
        this.upvaluesMax = Math.max(this.upvaluesMax, this.bytes[this.at]!)
        this.copy(4)
        const instructions = this.count()
        this.instructions += instructions
        this.copy(instructions * INT_BYTES)
        for (let left = this.count(); left > 0; left--) this.constant()
        for (let left = this.count(); left > 0; left--) this.walk()
        this.debug()
    }

    private debug(): void {
        const lines = this.int()
        this.at += lines * INT_BYTES
        const scopes: [number, number][] = []
        for (let left = this.int(); left > 0; left--) {
            this.skipText()
            scopes.push([this.int(), this.int()])
        }
        for (const [start] of scopes) {
            const open = scopes.filter(([from, to]) => from <= start && start < to).length
            this.localsMax = Math.max(this.localsMax, open)
        }
        for (let left = this.int(); left > 0; left--) this.skipText()
        for (let empty = 0; empty < 3; empty++) this.put(0)
    }
}

/** Strips the bytecode that string.dump of a 32-bit Lua 5.1 makes. */
export function stripBytecode(bytes: Buffer): BytecodeFigures {
    const stripper = new Stripper(bytes)
    const stripped = stripper.stripped()
    const { functions, instructions, upvaluesMax, localsMax } = stripper
    return { stripped, functions, instructions, upvaluesMax, localsMax }
}
