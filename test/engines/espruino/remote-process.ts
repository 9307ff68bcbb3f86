// A real Espruino that answers calls: scripts on one side, a test on the other, two named pipes between them.

import { execFileSync, spawn, type ChildProcess } from "node:child_process"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ESPRUINO } from "./real"

/** Longest life of one Espruino in s: one that hangs must not hang the tests. */
const LIFE_S_MAX = 280
/** Digits of the length ahead of a call's JSON. */
const LENGTH_DIGITS = 7
/** Boots that are kept: a test may speak to the one before, as if it ran on. */
const BOOTS_MAX = 6
/** Memory that Espruino for Linux makes room for at once, so that blocks find theirs in one piece. */
const ROOM_BYTES = 262144
/** Strings up to this length travel as JSON when they are plain text. */
const TEXT_CHARS_MAX = 64

/**
 * Espruino between its pipes. Its console would be looked at every 50 ms only; a pipe wakes it at once. It dies with this process (the
 * end of stdin), and with its time; what waits for it is told either way.
 */
const GUARD = `exec 4<&0 </dev/null
"$0" serve.js >console 2>&1 4<&- & board=$!
{ read _; kill -9 $board; } <&4 >/dev/null 2>&1 & guard=$!
{ sleep ${LIFE_S_MAX}; kill -9 $board; } >/dev/null 2>&1 4<&- & clock=$!
exec 4<&-
wait $board
kill $guard $clock
cat calls >/dev/null &
printf '!Espruino has ended' >answers`

/**
 * Runs the code out of memory, as if that were the slot: Espruino for Linux reads flash byte by byte, which would double a suite's time.
 * Reads a call, makes it, answers: "=" and the value as JSON, "!" and an error. In between Espruino may ask: "?" and a question as JSON. An
 * argument { bytes: [at, end] } stands for bytes behind the call's JSON, { call: n } for a function whose calls go with the answer.
 */
const SERVE = `var fs=require("fs"),told=[];global.boots={};global.writes=0;
for(var room="x";room.length<${ROOM_BYTES};room+=room);room=undefined;
function take(){return fs.readFileSync("calls")}
function give(text){fs.writeFileSync("answers",text)}
global.ask=function(question){give("?"+JSON.stringify(question));var text=take();if(text[0]!="=")throw Error("cut");return text.substr(1)};
var code=E.toFlatString(fs.readFileSync("core.js"));
require("Storage").read=function(file,from,length){return code.substr(from,length)};
global.boot=function(n){global.core=boots[n]={};delete boots[n-${BOOTS_MAX}];eval(code)};
function unpack(x,tail){
if(typeof x!="object"||x===null)return x;
if(x.bytes)return tail.substring(x.bytes[0],x.bytes[1]);
if(x.region>=0)return core.regions[x.region];
if(x.call>=0)return function(a,b){told.push([x.call,[a,b]])};
for(var k in x)x[k]=unpack(x[k],tail);
return x}
setTimeout(function(){for(;;){
var text=take(),end=${LENGTH_DIGITS}+parseInt(text.substr(0,${LENGTH_DIGITS}),10);
var q=JSON.parse(text.substring(${LENGTH_DIGITS},end)),tail=text.substr(end);
text=undefined;told=[];
var v=undefined;
try{global.clockS=q[3];
if(q[1]=="boot")boot(q[0]);
else{global.core=boots[q[0]];q[2]=unpack(q[2],tail);v=q[1]=="install"?core.install(q[2][0],q[2][1],q[2][2]):core.run(q[1],q[2])}
give("="+JSON.stringify({v:v,told:told,writes:writes}))}
catch(e){give("!"+e)}
}},1);`

/** What a call came to: its value, calls of functions that it was given, and how often flash was written so far. */
interface Answer {
    readonly v: unknown
    readonly told: readonly [number, unknown[]][]
    readonly writes: number
}

type Told = (...values: unknown[]) => unknown

/** What Espruino asks while a call is under way; the answer, as bytes. */
export type Answerer = (question: any[]) => string

/** An Espruino in a folder with several boots of a core, each a table of functions. */
export class RemoteProcess {
    private readonly child: ChildProcess
    private readonly functions: Told[] = []
    /** How often its flash was written or erased. */
    writes = 0

    constructor(
        private readonly folder: string,
        code: string,
    ) {
        mkdirSync(folder, { recursive: true })
        writeFileSync(join(folder, "core.js"), code, "latin1")
        execFileSync("mkfifo", [join(folder, "calls"), join(folder, "answers")])
        writeFileSync(join(folder, "serve.js"), SERVE)
        this.child = spawn("sh", ["-c", GUARD, ESPRUINO], { cwd: folder, stdio: ["pipe", "ignore", "ignore"] })
    }

    /**
     * Calls a function by name in boot `boot`; "boot" makes that boot. `nowS` is the time there.
     * Errors: throws what the function throws, what `answer` throws, and when Espruino ends.
     */
    call(boot: number, name: string, values: readonly unknown[], nowS: number, answer: Answerer): unknown {
        writeFileSync(join(this.folder, "calls"), pack([boot, name, values, nowS], this.functions), "latin1")
        let failure: unknown
        const answered = (question: unknown[]): string => {
            if (failure !== undefined) return "!"
            try {
                return `=${answer(question)}`
            } catch (error) {
                failure = error ?? "an error without a value"
                return "!"
            }
        }
        for (;;) {
            const text = readFileSync(join(this.folder, "answers"), "latin1")
            if (failure !== undefined && text[0] !== "?") throw failure
            if (text[0] === "!") throw new Error(`${name} on Espruino: ${text.slice(1)}; ${this.console()}`)
            if (text[0] === "?") writeFileSync(join(this.folder, "calls"), answered(JSON.parse(text.slice(1))), "latin1")
            else {
                const { v, told, writes } = JSON.parse(text.slice(1)) as Answer
                this.writes = writes
                for (const [index, parameters] of told) this.functions[index]!(...parameters)
                return v
            }
        }
    }

    private console(): string {
        return readFileSync(join(this.folder, "console"), "latin1").slice(-500)
    }

    end(): void {
        this.child.stdin!.end()
        this.child.unref()
    }
}

/** A call as bytes: the length of its JSON, that, and the bytes that it speaks of. */
function pack(call: unknown, functions: Told[]): string {
    let tail = ""
    const head = JSON.stringify(call, (_, value: unknown) => {
        if (typeof value === "function") return { call: functions.push(value as Told) - 1 }
        if (typeof value !== "string" || (value.length <= TEXT_CHARS_MAX && /^[ -~]*$/.test(value))) return value
        tail += value
        return { bytes: [tail.length - value.length, tail.length] }
    })
    return String(head.length).padStart(LENGTH_DIGITS, "0") + head + tail
}
