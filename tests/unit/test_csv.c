/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "dsa/base/csv.h"
#include "dsa/base/str.h"

#define BOM "\xef\xbb\xbf"

#define OPEN "!its quote is not closed in this line "
#define BEHIND "!there is text between the closing quote and the separator "
#define NOT_UTF8 "!it is not UTF-8 "
#define CONTROL "!it has a control character in a column "

/* Each line as "NUMBER[column][column]", or "NUMBER!reason " without what is allowed. */
static int
write_down(const struct csv_line *l, void *arg, struct err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_printf(b, "%u", l->number);
	if (l->wrong)
		buf_printf(b, "!%.*s ", (int)strcspn(l->wrong, ":"), l->wrong);
	for (size_t i = 0; !l->wrong && i < l->n; i++)
		buf_printf(b, "[%s]", l->columns[i]);
	return 0;
}

static char *
parsed(struct bytes text)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct err err;

	assert_int_equal(csv_parse("list.csv", text, write_down, &b, &err), 0);
	return buf_take_str(&b);
}

static const struct {
	const char *text, *expect;
} texts[] = {
    {"", ""},
    {BOM, ""},
    {"ann", "1[ann]"},
    {BOM "ann,bea\n", "1[ann][bea]"},
    {BOM BOM "ann", "1[" BOM "ann]"},
    /* a byte order mark is one at the beginning alone */
    {"ann\n" BOM "bea\n", "1[ann]2[" BOM "bea]"},
    /* ends of lines */
    {"ann\nbea\r\ncid\rdan\n", "1[ann]2[bea]3[cid]4[dan]"},
    {"ann\r\rbea\n\r\ncid", "1[ann]3[bea]5[cid]"},
    {"ann\r", "1[ann]"},
    /* separators: the first one outside quotes */
    {"a,b;c\td\n", "1" CONTROL},
    {"a,b;c\nd;e,f\n", "1[a][b;c]2[d;e][f]"},
    {"a;b,c\nd,e;f\n", "1[a][b,c]2[d,e][f]"},
    {"a\tb,c\nd;e\tf\n", "1[a][b,c]2[d;e][f]"},
    {"\"a,b\";c\nd,e;f\n", "1[a,b][c]2[d,e][f]"},
    {"a\n\"b;c\"\nd\te,f\n", "1[a]2[b;c]3[d][e,f]"},
    {"# a,b\na;b,c\n", "2[a][b,c]"},
    {"CN=Ann,OU=Staff;CN=Bea\n", "1[CN=Ann][OU=Staff;CN=Bea]"},
    {"guid;target\n1;CN=Bea,OU=Staff\n", "1[guid][target]2[1][CN=Bea,OU=Staff]"},
    {",\n,,\n", "1[][]2[][][]"},
    {"\ta\n", "1[][a]"},
    /* blanks */
    {"  a  ,  b c  \n", "1[a][b c]"},
    {"  \"a\"  ,  \" b \"  \n", "1[a][ b ]"},
    {"a,\n", "1[a][]"},
    /* quotes */
    {"\"\"\n", "1[]"},
    {"\"\"\"\"\n", "1[\"]"},
    {"\"a \"\"b\"\"\",\"\"\"c\"\n", "1[a \"b\"][\"c]"},
    {"a\"b,c\"\n", "1[a\"b][c\"]"},
    {"\"#a\"\n", "1[#a]"},
    /* the guard of what a spreadsheet would run */
    {"'=1+1,'+49,'-1,'@x\n", "1[=1+1][+49][-1][@x]"},
    {"\"'=HYPERLINK(\"\"a\"\",1)\"\n", "1[=HYPERLINK(\"a\",1)]"},
    {"''=x,' +x,'\xef\xbc\x9dx\n", "1['=x][ +x][\xef\xbc\x9dx]"},
    {"'t Hooft,'',',=x\n", "1['t Hooft]['']['][=x]"},
    /* what is passed over, and counted */
    {"\n \t \n# x\n  # y\na\n", "5[a]"},
    {"a#b\n", "1[a#b]"},
    {"a\n\t#b\n", "1[a]2[][#b]"},
    /* what is wrong */
    {"\"a\nb\n", "1" OPEN "2[b]"},
    {"\"a\rb\"\n", "1" OPEN "2[b\"]"},
    {"\"a\"b,c\n", "1" BEHIND},
    {"\"a\" b,c\nd\n", "1" BEHIND "2[d]"},
    {"a,\"b\n", "1" OPEN},
    {"jos\xe9\nann\n", "1" NOT_UTF8 "2[ann]"},
    {"a,\xc0\x80\n", "1" NOT_UTF8},
    {"a\x01,b\n", "1" CONTROL},
    {"a,\"b\tc\"\n", "1" CONTROL},
    {"a,b\x7f\n", "1" CONTROL},
};

static void
lines_and_columns(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(free) char *got = parsed(bytes_of(texts[i].text));

		if (strcmp(got, texts[i].expect) != 0)
			fail_msg("%s: '%s', not '%s'", texts[i].text, got, texts[i].expect);
	}
}

/* Whatever a cell is, a reader gets it back, and a spreadsheet finds no formula. */
static void
cells_written(void **state)
{
	static const struct {
		const char *value, *cell;
	} cells[] = {
	    {"", ""},
	    {"ann@acme.example", "ann@acme.example"},
	    {"CN=Ann,OU=Staff", "\"CN=Ann,OU=Staff\""},
	    {"a \"b\"", "\"a \"\"b\"\"\""},
	    {"a;b", "\"a;b\""},
	    {"#a", "\"#a\""},
	    {" a ", "\" a \""},
	    {"=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"},
	    {"=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""},
	    {"+49 30 1", "'+49 30 1"},
	    {"-1", "'-1"},
	    {"@SUM(1)", "'@SUM(1)"},
	    {" =1", "\"' =1\""},
	    {"'=1", "''=1"},
	    {"'t Hooft", "'t Hooft"},
	    {"\xef\xbc\x9d"
	     "1",
		"'\xef\xbc\x9d"
		"1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		_cleanup_(buf_done) struct buf b = {0}, want = {0};
		_cleanup_(free) char *got = NULL;

		csv_add_cell(&b, cells[i].value, ',');
		csv_add_cell(&b, "x", '\n');
		buf_printf(&want, "%s,x\n", cells[i].cell);
		assert_string_equal((const char *)b.data, (const char *)want.data);
		got = parsed(buf_bytes(&b));
		buf_reset(&want);
		buf_printf(&want, "1[%s][x]", cells[i].value);
		assert_string_equal(got, (const char *)want.data);
	}
	{
		/* These have no place in a file that galsync reads. */
		_cleanup_(buf_done) struct buf b = {0};

		csv_add_cell(&b, "\t=1", ',');
		csv_add_cell(&b, "\r\n", '\n');
		assert_string_equal((const char *)b.data, "\"'\t=1\",\"'\r\n\"\n");
	}
}

static void
values_written(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	(void)state;
	csv_add_value(&b, "x|ceo@globex.example");
	csv_add_value(&b, "a%7Cb@acme.example");
	csv_add_value(&b, "ann@acme.example");
	assert_string_equal(
	    (const char *)b.data, "x%7Cceo@globex.example|a%257Cb@acme.example|ann@acme.example");
}

static char *
repeated(const char *piece, size_t n)
{
	_cleanup_(buf_done) struct buf b = {0};

	while (n--)
		buf_add_str(&b, piece);
	return buf_take_str(&b);
}

static void
limits(void **state)
{
	_cleanup_(free) char *columns = repeated(",", CSV_COLUMNS_MAX - 1);
	_cleanup_(free) char *line = repeated("x", CSV_LINE_MAX);
	_cleanup_(free) char *many = str_printf("%s\n%s,\nann", columns, columns);
	_cleanup_(free) char *longer = str_printf("%s\n%sx\nann", line, line);
	_cleanup_(free) char *of_columns = parsed(bytes_of(many));
	_cleanup_(free) char *of_line = parsed(bytes_of(longer));

	(void)state;
	assert_non_null(strstr(of_columns, "][]2!it has more than 1024 columns 3[ann]"));
	assert_non_null(strstr(of_line, "xx]2!it is longer than 1048576 octets 3[ann]"));
}

static int
count_lines(const struct csv_line *l, void *arg, struct err *err)
{
	unsigned *n = arg;

	if (l->number == 3)
		return err_data(err, "line 3");
	return ++*n == 2;
}

static void
stops_where_it_is_told(void **state)
{
	unsigned n = 0;
	struct err err;

	(void)state;
	assert_int_equal(csv_parse("x", bytes_of("a\nb\nc\n"), count_lines, &n, &err), 0);
	assert_int_equal(n, 2);
	n = 2;
	assert_int_equal(csv_parse("x", bytes_of("a\nb\nc\n"), count_lines, &n, &err), -1);
	assert_string_equal(err.text, "line 3");
}

static void
what_is_no_text_is_refused(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(csv_parse("who.csv",
			     (struct bytes){"\xff\xfe"
					    "a\0\n\0",
				 6},
			     write_down, NULL, &err),
	    -1);
	assert_string_equal(
	    err.text, "'who.csv' is no UTF-8 text, it has NUL octets: save it as CSV in UTF-8");
	assert_int_equal(csv_read("/nowhere.csv", write_down, NULL, &err), -1);
	assert_string_equal(err.text, "'/nowhere.csv': No such file or directory");
	assert_int_equal(csv_read("/", write_down, NULL, &err), -1);
	assert_string_equal(err.text, "read: Is a directory: '/'");
}

static void
a_file_has_an_end(void **state)
{
	char path[] = "/tmp/galsync-csv-XXXXXX";
	int fd = mkstemp(path);
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)CSV_FILE_MAX + 1), 0);
	assert_int_equal(csv_read(path, write_down, NULL, &err), -1);
	assert_non_null(strstr(err.text, "it has more than 67108864 octets: '/tmp/galsync-csv-"));
	(void)close(fd);
	assert_int_equal(unlink(path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_and_columns),
	    cmocka_unit_test(cells_written),
	    cmocka_unit_test(values_written),
	    cmocka_unit_test(limits),
	    cmocka_unit_test(stops_where_it_is_told),
	    cmocka_unit_test(what_is_no_text_is_refused),
	    cmocka_unit_test(a_file_has_an_end),
	};

	return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
