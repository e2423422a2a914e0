/* What the test of Wine runs: one of each registry operation, with the result of each on stdout. */
#include <windows.h>
#include <stdio.h>

typedef LONG(WINAPI *Rename)(HKEY, LPCWSTR, LPCWSTR);

int main(void)
{
    HKEY key, sub;
    DWORD number = 42, size, type;
    static char large[3000];
    char text[64];
    Rename rename_key = (Rename)(void *)GetProcAddress(GetModuleHandleA("advapi32"), "RegRenameKey");
    if (!rename_key) rename_key = (Rename)(void *)GetProcAddress(LoadLibraryA("kernelbase"), "RegRenameKey");
    printf("create %ld\n", RegCreateKeyExA(HKEY_CURRENT_USER, "Software\\AgentshTest", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL));
    printf("set %ld\n", RegSetValueExA(key, "Number", 0, REG_DWORD, (BYTE *)&number, 4));
    printf("set %ld\n", RegSetValueExW(key, L"\u00c4 \"b\"", 0, REG_SZ, (BYTE *)L"hello", 12));
    printf("set %ld\n", RegSetValueExA(key, "Large", 0, REG_BINARY, (BYTE *)large, sizeof large));
    size = sizeof text;
    printf("read %ld", RegQueryValueExA(key, "Number", NULL, &type, (BYTE *)text, &size));
    printf(" %lu\n", *(DWORD *)text);
    printf("unset %ld\n", RegDeleteValueA(key, "Number"));
    printf("create %ld\n", RegCreateKeyExA(key, "Old", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &sub, NULL));
    RegCloseKey(sub);
    printf("rename %ld\n", rename_key ? rename_key(key, L"Old", L"New") : -1);
    printf("delete %ld\n", RegDeleteKeyA(key, "New"));
    RegCloseKey(key);
    printf("open %ld\n", RegCreateKeyExA(HKEY_CURRENT_USER, "Software\\Microsoft\\Windows\\CurrentVersion\\Run", 0, NULL, 0, KEY_SET_VALUE, NULL, &key, NULL));
    printf("set %ld\n", RegSetValueExA(key, "Updater", 0, REG_SZ, (BYTE *)"C:\\evil.exe", 12));
    RegCloseKey(key);
    printf("delete %ld\n", RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\AgentshTest"));
    fprintf(stderr, "a line of the program's own\n");
    return 7;
}
