#!/usr/bin/env bash
# Writes the demo roster: config/roster/quang-ninh-2019.sh > config/roster/quang-ninh-2019.csv
#
# The 201 points that the province of Quảng Ninh ran until the end of 2019: the province hall, 14 districts and
# their 186 communes, wards and townships.  Names and the districts' numbers (of the state statistics office)
# are facts; the communes' two last digits just count.  Telephone numbers cannot be real: after the area code
# 0203 no subscriber's number starts with 0.  Technicians are roles; there are no people in this file.
set -euo pipefail

districts() {
    cat <<'LIST'
193 | Thành phố Hạ Long | phường: Hà Khánh, Hà Phong, Hà Khẩu, Cao Xanh, Giếng Đáy, Hà Tu, Hà Trung, Hà Lầm, Bãi Cháy, Cao Thắng, Hùng Thắng, Yết Kiêu, Trần Hưng Đạo, Hồng Hải, Hồng Gai, Bạch Đằng, Hồng Hà, Tuần Châu, Việt Hưng, Đại Yên
194 | Thành phố Móng Cái | phường: Ka Long, Trần Phú, Ninh Dương, Hoà Lạc, Trà Cổ, Hải Yên, Hải Hoà, Bình Ngọc; xã: Hải Sơn, Bắc Sơn, Hải Đông, Hải Tiến, Quảng Nghĩa, Hải Xuân, Vạn Ninh, Vĩnh Trung, Vĩnh Thực
195 | Thành phố Cẩm Phả | phường: Mông Dương, Cửa Ông, Cẩm Sơn, Cẩm Đông, Cẩm Phú, Cẩm Tây, Quang Hanh, Cẩm Thịnh, Cẩm Thủy, Cẩm Thạch, Cẩm Thành, Cẩm Trung, Cẩm Bình; xã: Cộng Hòa, Cẩm Hải, Dương Huy
196 | Thành phố Uông Bí | phường: Vàng Danh, Thanh Sơn, Bắc Sơn, Quang Trung, Trưng Vương, Nam Khê, Yên Thanh, Phương Đông, Phương Nam; xã: Thượng Yên Công, Điền Công
198 | Huyện Bình Liêu | thị trấn: Bình Liêu; xã: Hoành Mô, Đồng Tâm, Đồng Văn, Tình Húc, Vô Ngại, Lục Hồn, Húc Động
199 | Huyện Tiên Yên | thị trấn: Tiên Yên; xã: Hà Lâu, Đại Dực, Đại Thành, Phong Dụ, Điền Xá, Đông Ngũ, Yên Than, Đông Hải, Hải Lạng, Tiên Lãng, Đồng Rui
200 | Huyện Đầm Hà | thị trấn: Đầm Hà; xã: Quảng Lâm, Quảng An, Tân Bình, Quảng Lợi, Dực Yên, Quảng Tân, Đầm Hà, Tân Lập, Đại Bình
201 | Huyện Hải Hà | thị trấn: Quảng Hà; xã: Quảng Đức, Quảng Sơn, Quảng Thành, Quảng Thắng, Quảng Thịnh, Quảng Minh, Quảng Chính, Quảng Long, Đường Hoa, Quảng Phong, Quảng Trung, Phú Hải, Quảng Điền, Tiến Tới, Cái Chiên
202 | Huyện Ba Chẽ | thị trấn: Ba Chẽ; xã: Thanh Sơn, Thanh Lâm, Đạp Thanh, Nam Sơn, Lương Mông, Đồn Đạc, Minh Cầm
203 | Huyện Vân Đồn | thị trấn: Cái Rồng; xã: Đài Xuyên, Bình Dân, Vạn Yên, Minh Châu, Đoàn Kết, Hạ Long, Đông Xá, Bản Sen, Thắng Lợi, Quan Lạn, Ngọc Vừng
204 | Huyện Hoành Bồ | thị trấn: Trới; xã: Kỳ Thượng, Đồng Sơn, Tân Dân, Đồng Lâm, Hòa Bình, Vũ Oai, Dân Chủ, Quảng La, Bằng Cả, Thống Nhất, Sơn Dương, Lê Lợi
205 | Thị xã Đông Triều | phường: Mạo Khê, Đông Triều, Đức Chính, Xuân Sơn, Kim Sơn, Hưng Đạo; xã: An Sinh, Tràng Lương, Bình Khê, Việt Dân, Tân Việt, Bình Dương, Tràng An, Nguyễn Huệ, Thủy An, Hồng Thái Tây, Hồng Thái Đông, Hoàng Quế, Yên Thọ, Hồng Phong, Yên Đức
206 | Thị xã Quảng Yên | phường: Quảng Yên, Đông Mai, Minh Thành, Cộng Hòa, Tân An, Yên Giang, Nam Hoà, Hà An, Phong Hải, Yên Hải, Phong Cốc; xã: Sông Khoai, Hiệp Hòa, Tiền An, Hoàng Tân, Cẩm La, Liên Hòa, Liên Vị, Tiền Phong
207 | Huyện Cô Tô | thị trấn: Cô Tô; xã: Đồng Tiến, Thanh Lân
LIST
}

districts | awk -F ' [|] ' '
function row(code, name, type, district, level, technician, desk, note) {
    printf "%s,%s,%s,%s,%s,0203 000 %04d,%s,0203 001 %04d,%s\n",
        code, name, type, district, level, n_rows++, technician, desk, note
}
function lower_first(s) {   # the three kinds of district, as they stand inside a sentence
    sub(/^Thành/, "thành", s); sub(/^Thị/, "thị", s); sub(/^Huyện/, "huyện", s)
    return s
}
BEGIN {
    print "code,name,type,district,group,phone,technician,technician_phone,note"
    row("QN-000", "Quảng Ninh", "tỉnh", "", "Cấp tỉnh", "Kỹ thuật viên tỉnh Quảng Ninh", 0, "Hội trường tỉnh: điểm cầu chủ tọa")
}
{
    number = $1; district = $2; technician = "Kỹ thuật viên " lower_first(district)
    name = district; sub(/^(Thành phố|Thị xã|Huyện) /, "", name)
    type = lower_first(district); sub(" " name "$", "", type)
    row("QN-" number, name, type, district, "Cấp huyện", technician, number, "")
    n_communes = 0
    n_kinds = split($3, kinds, "; ")
    for (k = 1; k <= n_kinds; k++) {
        split(kinds[k], half, ": ")
        n_names = split(half[2], names, ", ")
        for (i = 1; i <= n_names; i++)
            row(sprintf("QN-%s-%02d", number, ++n_communes), names[i], half[1], district, "Cấp xã", technician, number, "")
    }
}'
