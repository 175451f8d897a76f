// What the kernel says of a process tree: CPU time and resident memory.

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** The process and all its descendants, by id. */
export function processTree(root) {
  const children = new Map();
  for (const name of readdirSync('/proc')) {
    const fields = /^\d+$/.test(name) ? statFields(name) : undefined;
    if (fields === undefined) continue;
    const parent = Number(fields.ppid);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/**
 * CPU time of the tree in seconds, user and system, with that of children that have ended. Work that the kernel
 * does for the network in a process's name (on loopback all of it) is part of that process's system time.
 */
export function cpuSeconds(root) {
  let [user, system] = [0, 0];
  for (const pid of processTree(root)) {
    const fields = statFields(pid);
    if (fields === undefined) continue;
    user += fields.utime + fields.cutime;
    system += fields.stime + fields.cstime;
  }
  return { user: user / TICKS_PER_SECOND, system: system / TICKS_PER_SECOND };
}

/**
 * CPU time in seconds that the whole machine has spent on anything but this script and what it started. While a
 * round lasts this should hardly grow: what else runs takes caches and turns, and makes every request dearer.
 */
export function foreignSeconds() {
  const [line] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user, nice, system, , , irq, softirq, steal] = line.trim().split(/\s+/).slice(1).map(Number);
  const ours = cpuSeconds(process.pid);
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND - ours.user - ours.system;
}

/**
 * Resident memory of the tree in bytes. `rss` (VmRSS) counts a page that two processes share twice, so it
 * overstates nginx, which forks; `pss` shares it out. `pss` is undefined where the kernel does not tell.
 */
export function residentBytes(root) {
  let [rss, pss] = [0, 0];
  for (const pid of processTree(root)) {
    rss += kibibytes(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB/m) ?? 0;
    const share = kibibytes(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB/m);
    pss = share === undefined ? undefined : pss + share;
  }
  return { rss: rss * 1024, pss: pss === undefined ? undefined : pss * 1024 };
}

/** The middle value; of an even number of values, the lower of the two in the middle. */
export function median(values) {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

function kibibytes(file, pattern) {
  try {
    const found = readFileSync(file, 'utf8').match(pattern);
    return found ? Number(found[1]) : undefined;
  } catch {
    return undefined;
  }
}

/** The fields of /proc/PID/stat that are needed here, times in ticks; undefined once the process is gone. */
function statFields(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The program's name, in parentheses, may hold spaces; field 3 of proc(5) follows its last parenthesis.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [ppid, utime, stime, cutime, cstime] = [1, 11, 12, 13, 14].map((index) => Number(fields[index]));
    return { ppid, utime, stime, cutime, cstime };
  } catch {
    return undefined;
  }
}
