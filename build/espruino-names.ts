// What Espruino 2v29 knows and lacks, by name (test/engines/espruino asks the engine itself).

/** Modules that `require` finds on one board or another. */
export const ESPRUINO_MODULES: ReadonlySet<string> = new Set(
    (
        "Flash Storage crypto dgram fs heatshrink http net neopixel tls timer Wifi ESP32 ESP8266 NetworkJS TelnetServer tensorflow" +
        " NodeMCU TV Puck Bangle"
    ).split(" "),
)

/** Globals that are there on every board. */
export const ESPRUINO_GLOBALS: ReadonlySet<string> = new Set(
    (
        "Array ArrayBuffer ArrayBufferView Boolean DataView Date E Error Float32Array Float64Array Function I2C Infinity Int16Array" +
        " Int32Array Int8Array InternalError JSON Math Modules NaN Number Object OneWire Pin Promise ReferenceError RegExp SPI Serial" +
        " Serial1 String SyntaxError TypeError Uint16Array Uint24Array Uint32Array Uint8Array Uint8ClampedArray Waveform Graphics" +
        " analogRead analogWrite arguments atob btoa changeInterval clearInterval clearTimeout clearWatch console decodeURIComponent" +
        " digitalPulse digitalRead digitalWrite dump echo edit encodeURIComponent eval getPinMode getSerial getTime global globalThis" +
        " isFinite isNaN load parseFloat parseInt peek16 peek32 peek8 pinMode poke16 poke32 poke8 print process require reset save" +
        " setBusyIndicator setInterval setSleepIndicator setTime setTimeout setWatch shiftOut trace undefined url SPI1 SPI2 I2C1 I2C2" +
        " Serial2 Serial3 USB Telnet Terminal LoopbackA LoopbackB"
    ).split(" "),
)

/** Pins and what boards name after them. */
export const ESPRUINO_PINS = /^(LED\d?|BTN\d?|[A-H]\d{1,2}|D\d{1,2}|A\d|GPIO\d{1,2})$/

/** Members of globals, `Global.member`, that the engine lacks. */
export const LACKING_STATICS: ReadonlySet<string> = new Set(
    (
        "Object.getOwnPropertySymbols Object.hasOwn Object.is Object.preventExtensions Object.seal Object.freeze Object.isExtensible" +
        " Object.isFrozen Object.isSealed Array.from Array.of Number.isFinite Number.isInteger Number.isNaN Number.isSafeInteger" +
        " Number.parseFloat Number.parseInt Number.EPSILON String.fromCodePoint String.raw Math.acosh Math.asinh Math.atanh Math.cbrt" +
        " Math.expm1 Math.clz32 Math.cosh Math.fround Math.hypot Math.imul Math.log1p Math.log2 Math.log10 Math.sinh Math.tanh" +
        " Math.trunc Promise.allSettled Promise.any Promise.race Date.UTC ArrayBuffer.isView Error.captureStackTrace"
    ).split(" "),
)

/** Methods of strings, arrays and numbers that the engine lacks, whatever they are called on. */
export const LACKING_METHODS: ReadonlySet<string> = new Set(
    (
        "at codePointAt isWellFormed localeCompare matchAll normalize search toWellFormed trimStart trimLeft trimEnd trimRight" +
        " toLocaleLowerCase toLocaleUpperCase copyWithin findLast findLastIndex lastIndexOf entries flat flatMap reduceRight" +
        " toReversed toSorted toSpliced toExponential toPrecision toLocaleString isPrototypeOf propertyIsEnumerable"
    ).split(" "),
)
