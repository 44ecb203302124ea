// SPDX-License-Identifier: MIT
// What is better with script than without it: pages that keep up, parts that load by themselves, and
// keys. Every page is whole without this file. Nothing is asked of another host, and no text of a
// page becomes markup but what the portal itself wrote.
"use strict";

(() => {
	const EVERY_MS = 5000;
	// What the directories say is asked for by a reader, and not every five seconds.
	const LIVE = /\/(attributes|checks|way|found|members)$/;
	const WORDS = {
		updated: "Updated", failed: "The portal does not answer; tried again", loading: "Asking the directories …",
		refused: "It was refused", keys: "Keys: / search, g o overview, g r recipients, g w waves, g p problems, j and k rows, Enter opens, ? this help",
		units: [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]], ago: "ago", soon: "in",
	};
	const said = document.getElementById("said");
	const say = text => { if (said && said.textContent !== text) said.textContent = text; };
	const main = () => document.getElementById("main");
	let chosen = -1;

	function age(time) {
		const seconds = Math.trunc((Date.now() - Date.parse(time.dateTime)) / 1000), s = Math.abs(seconds);
		const [size, name] = WORDS.units.find(([n]) => s >= 2 * n) || [1, "s"];
		const text = `${Math.trunc(s / size)} ${name}`;
		return seconds >= 0 ? `${text} ${WORDS.ago}` : `${WORDS.soon} ${text}`;
	}

	function growOlder() {
		for (const time of document.querySelectorAll("time"))
			if (time.nextElementSibling && time.nextElementSibling.className === "age")
				time.nextElementSibling.textContent = age(time);
	}

	async function load(address) {
		const answer = await fetch(address, { headers: { Accept: "text/html" }, cache: "no-store", credentials: "same-origin" });
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		return { ok: answer.ok, main: page.getElementById("main") };
	}

	// Parts that a reader is at are left alone: a form that is filled in, and what was loaded live.
	function keepUp(fresh) {
		const old = main();
		for (const part of ["section", "table", "p.read", "nav.turn", "p.bar", "p.empty"]) {
			const before = [...old.querySelectorAll(`:scope > ${part}`)], after = [...fresh.querySelectorAll(`:scope > ${part}`)];
			before.forEach((node, i) => {
				if (node.dataset.part || node.contains(document.activeElement) || !after[i] || node.querySelector("details[open]"))
					return;
				if (node.outerHTML !== after[i].outerHTML)
					node.replaceWith(document.importNode(after[i], true));
			});
			if (part === "section")
				continue;
			after.slice(before.length).forEach(node => old.append(document.importNode(node, true)));
		}
	}

	async function refresh() {
		if (document.hidden || !document.querySelector("header nav") || LIVE.test(location.pathname))
			return;
		try {
			const { ok, main: fresh } = await load(location.href);
			if (!ok || !fresh)
				throw new Error("refused");
			keepUp(fresh);
			growOlder();
			mark();
			say(`${WORDS.updated} ${new Date().toLocaleTimeString()}`);
		} catch {
			say(WORDS.failed);
		}
	}

	async function loadPart(section) {
		const link = section.querySelector("a.ask");
		if (!link)
			return;
		const address = link.href;
		link.removeAttribute("href");
		link.textContent = WORDS.loading;
		try {
			const { main: part } = await load(address);
			const inner = part.querySelector("section") || part.querySelector(".error");
			const nodes = inner.matches("section") ? [...inner.childNodes] : [inner];
			const head = section.querySelector("h2");
			section.replaceChildren(head, ...nodes.filter(n => n.nodeName !== "H2").map(n => document.importNode(n, true)));
			growOlder();
		} catch {
			link.textContent = WORDS.refused;
		}
	}

	const rows = () => [...document.querySelectorAll("main tbody tr")];

	function mark() {
		rows().forEach((row, i) => row.classList.toggle("chosen", i === chosen));
	}

	function move(by) {
		chosen = Math.max(0, Math.min(rows().length - 1, chosen + by));
		mark();
		const link = rows()[chosen] && rows()[chosen].querySelector("a");
		if (link)
			link.focus();
	}

	let before = "";
	const places = { o: "/", r: "/mailboxes", w: "/waves", p: "/problems", g: "/groups" };

	document.addEventListener("keydown", event => {
		const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.nodeName);
		const last = before;
		before = "";
		if (event.ctrlKey || event.altKey || event.metaKey || (typing && event.key !== "Escape"))
			return;
		if (event.key === "/") {
			const field = document.querySelector("input[name=q]");
			if (field) {
				event.preventDefault();
				field.focus();
			} else {
				location.href = "/mailboxes";
			}
		} else if (last === "g" && places[event.key]) {
			location.href = places[event.key];
		} else if (event.key === "g") {
			before = "g";
		} else if (event.key === "j") {
			move(1);
		} else if (event.key === "k") {
			move(-1);
		} else if (event.key === "?") {
			say(WORDS.keys);
		} else if (event.key === "Escape" && typing) {
			event.target.blur();
		}
	});

	// A filter that is not set does not belong into the address.
	for (const form of document.querySelectorAll("form"))
		form.addEventListener("submit", () => {
			for (const field of form.elements)
				if (field.name && !field.value)
					field.disabled = true;
		});

	(async () => {
		for (const section of document.querySelectorAll("section[data-part]"))
			await loadPart(section);
	})();
	growOlder();
	setInterval(growOlder, 10000);
	setInterval(refresh, EVERY_MS);
})();
