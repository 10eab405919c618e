#!/usr/bin/env python3
"""The page of a server that runs, in a browser without a screen: page_test.py URL PICTURE QUESTION ANSWER FOLDER

Needs `pip install selenium` and Debian's chromium and chromium-driver. Asks about the picture by keyboard, stops, clears and
asks again, drops a picture, and leaves screenshots in FOLDER: light and dark, wide and narrow. Not run by meson test."""
import base64
import os
import sys

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

url, picture, question, answer, folder = sys.argv[1:6]
failures = 0


def check(name, got, wanted):
    global failures
    failures += got != wanted
    print(f'{"ok  " if got == wanted else "FAIL"} {name}: {got!r}')


options = webdriver.ChromeOptions()
for argument in ('--headless=new', '--no-sandbox', '--window-size=1000,800', '--force-color-profile=srgb'):
    options.add_argument(argument)
options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
browser = webdriver.Chrome(options=options)
wait = WebDriverWait(browser, 30)


def scheme(name, width=None, height=None):
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': [{'name': 'prefers-color-scheme', 'value': name}]})
    if width:
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride',
                                {'width': width, 'height': height, 'deviceScaleFactor': 2, 'mobile': True})


def shot(name):
    browser.save_screenshot(os.path.join(folder, name + '.png'))


def turns(kind='assistant'):
    return browser.find_elements(By.CSS_SELECTOR, '.turn.' + kind)


def ask(words):
    count = len(turns())
    browser.switch_to.active_element.send_keys(words, Keys.ENTER)
    wait.until(lambda _: len(turns()) > count and turns()[-1].find_elements(By.CLASS_NAME, 'numbers'))
    return turns()[-1].find_element(By.TAG_NAME, 'p').text


browser.get(url)
wait.until(lambda _: browser.find_element(By.ID, 'about').text)
check('the question has the focus', browser.switch_to.active_element.get_attribute('id'), 'text')
scheme('light')
shot('empty')
browser.find_element(By.ID, 'file').send_keys(os.path.abspath(picture))
wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, '#waiting img'))
shot('with_picture')
check('an answer', ask(question), answer)
check('a second turn', ask(question) != '', True)
shot('answered')
scheme('dark')
shot('dark')
check('told to screen readers', browser.find_element(By.ID, 'status').text != '' or
      browser.execute_script('return document.getElementById("status").textContent').startswith('Answer: '), True)
browser.switch_to.active_element.send_keys('/clear', Keys.ENTER)
check('/clear', len(turns()), 0)
browser.switch_to.active_element.send_keys('/image 1', Keys.ENTER)
wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, '#waiting img'))
check('/image 1', ask(question), answer)
# A new conversation while an answer is on its way, which never ends: it has nothing of the old one.
browser.execute_script('''window.sent = []; window.fetch_before = window.fetch;
window.fetch = (path, options) => { window.sent.push(JSON.parse(options.body).messages);
  const event = 'data: ' + JSON.stringify({choices: [{delta: {content: 'old'}}]}) + '\\n\\n';
  return Promise.resolve(new Response(new ReadableStream({start(stream) {
    stream.enqueue(new TextEncoder().encode(event));
    options.signal.addEventListener('abort', () => stream.error(options.signal.reason));
  }})));
};''')
browser.switch_to.active_element.send_keys(question, Keys.ENTER)
wait.until(lambda _: turns()[-1].find_element(By.TAG_NAME, 'p').text == 'old')
browser.find_element(By.ID, 'clear').click()
wait.until(lambda _: browser.find_element(By.ID, 'send').is_displayed())
browser.switch_to.active_element.send_keys(question, Keys.ENTER)
wait.until(lambda _: turns() and turns()[-1].find_element(By.TAG_NAME, 'p').text == 'old')
check('/clear of a running answer', browser.execute_script('return window.sent.at(-1).map((m) => m.role)'), ['user'])
browser.switch_to.active_element.send_keys(Keys.ESCAPE)
wait.until(lambda _: browser.find_element(By.ID, 'send').is_displayed())
browser.execute_script('window.fetch = window.fetch_before')
browser.find_element(By.ID, 'clear').click()
# A dropped picture, and one that is none.
encoded = base64.b64encode(open(picture, 'rb').read()).decode()
drop = '''const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0)), data = new DataTransfer();
data.items.add(new File([bytes], arguments[1], {type: arguments[2]}));
document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));'''
browser.execute_script(drop, encoded, 'dropped.jpg', 'image/jpeg')
wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, '#waiting img'))
browser.execute_script(drop, base64.b64encode(b'text').decode(), 'notes.txt', 'text/plain')
check('no picture', browser.execute_script('return document.getElementById("status").textContent'),
      'notes.txt is no picture')
browser.execute_script(drop, base64.b64encode(b'GIF89a').decode(), 'broken.gif', 'image/gif')
check('one picture waits', len(browser.find_elements(By.CSS_SELECTOR, '#waiting img')), 1)
browser.find_element(By.CSS_SELECTOR, '#waiting button').click()
check('removed', len(browser.find_elements(By.CSS_SELECTOR, '#waiting img')), 0)
# What a model writes, and what a person asks, is text.
browser.find_element(By.ID, 'text').send_keys('<img src=x onerror=alert(1)>', Keys.ENTER)
wait.until(lambda _: turns()[-1].find_elements(By.CLASS_NAME, 'numbers') or turns('wrong'))
check('markup is text', turns('user')[-1].find_element(By.TAG_NAME, 'p').text, '<img src=x onerror=alert(1)>')
scheme('dark', 390, 844)
shot('phone_dark')
scheme('light', 390, 844)
browser.execute_script('document.getElementById("history").open = true')
shot('phone_light')
check('nothing wider than the screen', browser.execute_script('return document.documentElement.scrollWidth <= 390'), True)
check('every control has a name', browser.execute_script('''return [...document.querySelectorAll('button, textarea, input')]
  .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.id)'''), [])
wrong = [entry['message'] for entry in browser.get_log('browser') if entry['level'] == 'SEVERE']
check('the console has no faults', wrong, [])
browser.quit()
sys.exit(failures != 0)
