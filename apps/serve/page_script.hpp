// The script of the server's page: a conversation with the server's own routes. It puts nothing into the page but text.
#pragma once

namespace app::serve {

inline constexpr const char* kPageScript = R"js(
'use strict';
const find = (id) => document.getElementById(id);
const log = find('log'), form = find('form'), text = find('text'), send = find('send'), stop = find('stop');
const waiting = find('waiting'), earlier = find('earlier'), status = find('status');
const sendable = new Set(['image/jpeg', 'image/png']);
const bytesMax = 8 << 20, sideMax = 4096;
let messages = [], pictures = [], history = [], running = null, key = '';

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function headers() {
  return Object.assign({'Content-Type': 'application/json'}, key ? {Authorization: 'Bearer ' + key} : {});
}

// ---- pictures
function readAsUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

// What the server reads, and not more of it than helps.
async function urlOf(file) {
  if (sendable.has(file.type) && file.size <= bytesMax) return readAsUrl(file);
  const image = await createImageBitmap(file);
  const scale = Math.min(1, sideMax / Math.max(image.width, image.height));
  const canvas = element('canvas', {width: Math.round(image.width * scale), height: Math.round(image.height * scale)});
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas.toDataURL('image/jpeg', 0.92);
}

async function take(files) {
  for (const file of files) {
    if (!file.type.startsWith('image/')) { say(file.name + ' is no picture'); continue; }
    try {
      use({url: await urlOf(file), name: file.name || 'picture'});
    } catch (fault) {
      say((file.name || 'the picture') + ' cannot be read by this browser');
    }
  }
  text.focus();
}

function use(picture) {
  pictures.push(picture);
  if (!history.some((one) => one.url === picture.url)) history.push(picture);
  showPictures();
  say(picture.name + ' is added to the question');
}

function showPictures() {
  waiting.replaceChildren(...pictures.map((picture, index) => element('li', {},
    element('img', {src: picture.url, alt: picture.name}),
    element('button', {type: 'button', textContent: '×', ariaLabel: 'Remove ' + picture.name, onclick: () => {
      pictures.splice(index, 1);
      showPictures();
      text.focus();
    }}))));
  find('history').hidden = history.length === 0;
  earlier.replaceChildren(...history.map((picture, index) => element('li', {},
    element('img', {src: picture.url, alt: ''}),
    element('button', {type: 'button', textContent: '+', ariaLabel: 'Ask about picture ' + (index + 1) + ' again: ' +
      picture.name, onclick: () => { use(picture); text.focus(); }}))));
}

// ---- the conversation
function say(words) { status.textContent = words; }

function addTurn(role, name, words, shown = []) {
  find('hint')?.remove();
  const body = element('p', {textContent: words});
  const turn = element('article', {className: 'turn ' + role}, element('h2', {textContent: name}));
  if (shown.length) {
    turn.append(element('ul', {className: 'pictures'}, ...shown.map((picture) =>
      element('li', {}, element('img', {src: picture.url, alt: picture.name})))));
  }
  turn.append(body);
  log.append(turn);
  log.scrollTop = log.scrollHeight;
  return {turn, body};
}

function seconds(milliseconds) {
  return milliseconds < 1000 ? milliseconds.toFixed(0) + ' ms' : (milliseconds / 1000).toFixed(1) + ' s';
}

function numbersOf(timings, stopped) {
  const parts = [timings.predicted_n + (timings.predicted_n === 1 ? ' token' : ' tokens'),
                 seconds(timings.image_ms + timings.prompt_ms + timings.predicted_ms)];
  if (timings.image_n) parts.push('pictures ' + seconds(timings.image_ms));
  if (timings.predicted_per_second) parts.push(timings.predicted_per_second.toFixed(1) + ' tokens/s');
  return parts.join(' · ') + (stopped ? ' · ' + stopped : '');
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    held += value;
    for (let end; (end = held.indexOf('\n\n')) >= 0; held = held.slice(end + 2)) {
      const line = held.slice(0, end);
      if (line.startsWith('data: {')) yield JSON.parse(line.slice(6));
    }
  }
}

async function failureOf(response) {
  if (response.status === 401) find('locked').hidden = false;
  try { return (await response.json()).error.message; } catch { return 'the server answered ' + response.status; }
}

async function answer(conversation, shown) {
  const near = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  let words = '', numbers = '';
  try {
    const response = await fetch('v1/chat/completions', {method: 'POST', headers: headers(), signal: running.signal,
      body: JSON.stringify({messages: conversation, stream: true})});
    if (!response.ok) throw new Error(await failureOf(response));
    for await (const event of events(response)) {
      if (event.error) throw new Error(event.error.message);
      const follow = near(), choice = event.choices[0];
      words += choice?.delta.content ?? '';
      shown.body.textContent = words;
      if (event.timings) numbers = numbersOf(event.timings, choice?.finish_reason === 'length' ? 'cut off' : '');
      if (follow) log.scrollTop = log.scrollHeight;
    }
  } catch (fault) {
    numbers = 'stopped';
    if (fault.name !== 'AbortError') {
      shown.turn.classList.add('wrong');
      shown.body.textContent = words + (words ? '\n' : '') + fault.message;
      say('Failed: ' + fault.message);
      if (!words) return false;
    }
  }
  shown.turn.append(element('p', {className: 'numbers', textContent: numbers}));
  log.scrollTop = log.scrollHeight;
  conversation.push({role: 'assistant', content: words});
  if (!shown.turn.classList.contains('wrong')) say('Answer: ' + words);
  return true;
}

async function ask() {
  const question = text.value.trim(), shown = pictures, conversation = messages;  // which clear() may replace meanwhile
  if (running || (!question && !shown.length)) return;
  const content = [...shown.map((picture) => ({type: 'image_url', image_url: {url: picture.url}})),
                   ...(question ? [{type: 'text', text: question}] : [])];
  conversation.push({role: 'user', content});
  addTurn('user', 'You', question, shown);
  text.value = '';
  pictures = [];
  showPictures();
  const reply = addTurn('assistant busy', find('name').textContent, '');
  running = new AbortController();
  send.hidden = true;
  stop.hidden = false;
  if (!await answer(conversation, reply) && conversation === messages) {  // it may be asked again
    messages.pop();
    text.value = question;
    pictures = shown;
    showPictures();
  }
  reply.turn.classList.remove('busy');
  running = null;
  const hadFocus = document.activeElement === stop;
  send.hidden = false;
  stop.hidden = true;
  if (hadFocus || document.activeElement === document.body) text.focus();
}

function clear() {
  running?.abort();
  messages = [];
  log.replaceChildren();
  say('A new conversation');
  text.focus();
}

// As in mica chat.
function command(line) {
  const [name, number] = line.split(/\s+/);
  if (name === '/clear') clear();
  else if (name === '/image' && history[number - 1]) use(history[number - 1]);
  else if (name === '/image') find('file').click();
  else return false;
  text.value = '';
  return true;
}

async function describe() {
  const response = await fetch('v1/models', {headers: headers()});
  if (!response.ok) return failureOf(response).then(say);
  const model = (await response.json()).data[0];
  find('name').textContent = document.title = model.id;
  find('about').textContent = [model.description && 'It ' + model.description, model.meta.family,
    model.max_model_len + ' tokens of context'].filter(Boolean).join(' · ');
  const sees = model.architecture.input_modalities.includes('image');
  for (const id of ['attach', 'shoot']) find(id).hidden = !sees;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  if (!command(text.value.trim())) ask();
});
text.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') running?.abort(); });
stop.addEventListener('click', () => running?.abort());
find('clear').addEventListener('click', clear);
for (const id of ['file', 'camera'])
  find(id).addEventListener('change', (event) => { take([...event.target.files]); event.target.value = ''; });
document.addEventListener('paste', (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) { event.preventDefault(); take(files); }
});
let depth = 0;
const dropping = (by) => document.body.classList.toggle('dropping', (depth = Math.max(0, depth + by)) > 0);
document.addEventListener('dragenter', () => dropping(1));
document.addEventListener('dragleave', () => dropping(-1));
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  dropping(-depth);
  take([...event.dataTransfer.files]);
});
find('key').addEventListener('change', (event) => {
  key = event.target.value;
  find('locked').hidden = true;
  describe();
});
describe().catch(() => say('The server does not answer'));
text.focus();
)js";

}  // namespace app::serve
